"""The table of commands, and what is made from it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from wherry.cli import commands
from wherry.cli.completion import SHELLS, script
from wherry.cli.help import flag_label, help_text, usage_line, wrap
from wherry.cli.main import run
from wherry.cli.reference import reference

ROOT = Path(__file__).parents[3]

# Modules that `wherry ps` may have loaded when it ends, beside our own and built-in ones.
BUDGET = {"__future__", "_json", "_socket", "select", "termios", "fcntl"}
# What `import os` brings, which site has done already where it runs.
BUDGET |= {"os", "os.path", "posixpath", "genericpath", "stat", "_collections_abc", "abc", "_abc"}


@pytest.mark.parametrize("name", commands.COMMANDS)
def test_every_command_has_help(name: str) -> None:
    command = commands.load(name)
    text = help_text(name)
    assert text.startswith(f"Usage:  {usage_line(name)}\n\n{command.summary}\n")
    for flag in command.flags:
        assert flag.hidden or (flag.help and flag_label(flag) in text)
    shorts = [flag.short for flag in command.flags if flag.short]
    assert len(shorts) == len(set(shorts))
    assert max(len(line) for line in text.splitlines() if "Aliases" not in line) <= 160


@pytest.mark.parametrize("name", ["", *commands.GROUPS])
def test_every_group_has_help(name: str) -> None:
    assert help_text(name).startswith("Usage:  wherry")


def test_the_reference_is_what_the_rows_say() -> None:
    """Remedy: python -m wherry.cli.reference docs/reference/cli.md"""
    assert (ROOT / "docs/reference/cli.md").read_text() == reference()


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_scripts_are_sound(shell: str, tmp_path: Path) -> None:
    file = tmp_path / "script"
    file.write_text(script(shell))
    if not shutil.which(shell):
        pytest.skip(f"no {shell} here")
    subprocess.run([shell, "-n", file], check=True)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("wherry container re", "remove rename restart"),
        ("wherry ps --no", "--no-trunc"),
        ("wherry ver", "version"),
        ("wherry image load --inp", "--input"),
    ],
)
def test_bash_completes(words: str, expected: str, tmp_path: Path) -> None:
    file = tmp_path / "script"
    file.write_text(script("bash"))
    count = len(words.split()) - 1
    ask = (
        f"source {file}; COMP_WORDS=({words}); COMP_CWORD={count}; _wherry; echo ${{COMPREPLY[@]}}"
    )
    done = subprocess.run(["bash", "-c", ask], check=True, capture_output=True, text=True)
    wanted = expected.split()
    if words.startswith("wherry container"):
        wanted.remove("remove")  # a spelling that works but is not offered
    assert done.stdout.split() == wanted


@pytest.mark.parametrize(
    ("words", "status", "text"),
    [
        (
            ["foo"],
            1,
            "wherry: unknown command: wherry foo\n\nRun 'wherry --help' for more information\n",
        ),
        (
            ["container", "foo"],
            1,
            (
                "wherry: unknown command: wherry container foo\n\nUsage:  wherry container\n\n"
                "Run 'wherry container --help' for more information\n"
            ),
        ),
        (
            ["ps", "x"],
            1,
            (
                "wherry: 'wherry ps' accepts no arguments\n\nUsage:  wherry ps [OPTIONS]\n\n"
                "Run 'wherry ps --help' for more information\n"
            ),
        ),
        (
            ["stop"],
            1,
            (
                "wherry: 'wherry stop' requires at least 1 argument\n\n"
                "Usage:  wherry stop [OPTIONS] CONTAINER [CONTAINER...]\n\n"
                "See 'wherry stop --help' for more information\n"
            ),
        ),
        (
            ["run", "--foo"],
            125,
            (
                "unknown flag: --foo\n\nUsage:  wherry run [OPTIONS] IMAGE [COMMAND] [ARG...]\n\n"
                "Run 'wherry run --help' for more information\n"
            ),
        ),
        (
            ["-H", "unix:///nope", "ps"],
            1,
            "Cannot connect to the Wherry daemon at unix:///nope. Is the wherry daemon running?\n",
        ),
    ],
)
def test_mistakes(
    words: list[str], status: int, text: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == status
    assert capfd.readouterr().err == text


@pytest.mark.parametrize(
    "words", [[], ["--help"], ["help"], ["image"], ["help", "run"], ["ps", "--help"]]
)
def test_help_is_no_failure(words: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert run(words) == 0
    assert capfd.readouterr().out.startswith("Usage:  wherry")


def test_wrapping() -> None:
    assert wrap("aa bb cc", 5) == ["aa bb", "cc"]
    assert wrap("", 5) == [""]


def loaded_after(code: str) -> set[str]:
    """Modules outside the package and the interpreter's own that `code` loads."""
    src = str(ROOT / "src")
    whole = (
        "import sys; before = set(sys.modules); "
        f"sys.path.insert(0, {src!r}); {code}; "
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-IS", "-c", whole], check=True, capture_output=True, text=True
    )
    return {name for name in done.stdout.split() if not name.startswith("wherry")}


@pytest.mark.parametrize(
    "verb", ["ps", "run", "exec", "version", "images", "start", "stop", "rm", "logs", "inspect"]
)
def test_commands_load_little(verb: str) -> None:
    code = f"from wherry.cli import main, commands, api; commands.load({verb!r})"
    built_in = set(sys.builtin_module_names)
    assert loaded_after(code) - built_in <= BUDGET


def test_ps_stays_within_the_budget(serve: Callable[[bytes], Path]) -> None:
    path = serve(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")
    code = f"from wherry.cli.main import run; run(['-H', 'unix://{path}', 'ps'])"
    loaded = loaded_after(code) - {"CONTAINER", "ID", "IMAGE"}
    headings = {"COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"}
    assert loaded - headings - set(sys.builtin_module_names) <= BUDGET
