"""Lint, format, types, sizes and names: the house rules that a machine can hold."""

from __future__ import annotations

import ast
import re
import subprocess
import sys

import pytest

from tests.house.source import PACKAGE, ROOT, modules

LONGEST_FILE = 500
LONGEST_FUNCTION = 70
EMPTY_NAMES = {"util", "utils", "helper", "helpers", "manager", "common", "misc", "base"}


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["ruff", "check", "--no-fix", "."], id="ruff check"),
        pytest.param(["ruff", "format", "--check", "."], id="ruff format"),
        pytest.param(["mypy", "--no-error-summary"], id="mypy"),
    ],
)
def test_tool_is_content(command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_files_are_short() -> None:
    counts = {path: path.read_text().count("\n") for path in modules().values()}
    long = {str(p.relative_to(ROOT)): n for p, n in counts.items() if n > LONGEST_FILE}
    assert not long, f"over {LONGEST_FILE} lines: {long}"


def test_functions_are_short() -> None:
    long = []
    for path in modules().values():
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > LONGEST_FUNCTION:
                long.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name} {length}")
    assert not long, "\n".join(long)


def test_modules_are_named_for_what_they_hold() -> None:
    wrong = [name for name in modules() if name.rpartition(".")[2].strip("_") in EMPTY_NAMES]
    assert not wrong


def test_packages_hold_no_code_in_their_init() -> None:
    wrong = []
    for path in PACKAGE.rglob("__init__.py"):
        body = ast.parse(path.read_text()).body
        if any(not (isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)) for n in body):
            wrong.append(str(path.relative_to(ROOT)))
    assert not wrong


def test_no_marks_of_unfinished_work() -> None:
    marks = ("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")
    wrong = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in modules().values()
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if any(re.search(rf"\b{mark}\b", line) for mark in marks)
    ]
    assert not wrong
