"""What the processes that must be small and quick may import (design, sections 3 and 12)."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.house.source import PACKAGE

HEAVY = {
    "argparse", "asyncio", "contextlib", "dataclasses", "email", "enum", "functools", "http",
    "inspect", "json", "logging", "pathlib", "re", "shutil", "socket", "ssl", "subprocess",
    "tempfile", "threading", "typing", "urllib",
}  # fmt: skip

PROCESSES = {
    "keeper": "wherry.runtime.keeper.main",
    "launcher": "wherry.runtime.launcher",
    "cli": "wherry.cli.main",
}


def _loaded_by(module: str) -> set[str]:
    code = (
        f"import sys; sys.path.append({str(PACKAGE.parent)!r}); import {module}; "
        "print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-IS", "-c", code], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("module", PROCESSES.values(), ids=PROCESSES)
def test_hot_processes_import_only_cheap_modules(module: str) -> None:
    assert not _loaded_by(module) & HEAVY


@pytest.mark.parametrize("module", [PROCESSES["keeper"], PROCESSES["launcher"]])
def test_keeper_and_launcher_need_no_installed_package(module: str) -> None:
    names = {name.split(".")[0] for name in _loaded_by(module)}
    foreign = names - set(sys.stdlib_module_names) - {"wherry", "__main__"}
    assert not foreign
