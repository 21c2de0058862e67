"""The command line of wherry-oci without containers: flags, small parsers, imports."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from wherry.runtime.oci import flags
from wherry.runtime.oci.refusal import Refusal
from wherry.runtime.oci.verbs import events, features, kill, ps, update

ROWS = (
    ("bundle,b", flags.TEXT, ""),
    ("force,f", flags.SWITCH, ""),
    ("number", flags.NUMBER, ""),
    ("env,e", flags.LIST, ""),
)


@pytest.mark.parametrize(
    ("words", "values", "rest"),
    [
        ("--bundle /x id", {"bundle": "/x"}, ["id"]),
        ("-b=/x id --force", {"bundle": "/x", "force": False}, ["id", "--force"]),
        ("-force -e a=b --env c id", {"force": True, "env": ("a=b", "c")}, ["id"]),
        ("--force=false -- -x", {"force": False}, ["-x"]),
        ("--number 0x10 -", {"number": 16}, ["-"]),
    ],
)
def test_flags(words: str, values: dict[str, Any], rest: list[str]) -> None:
    found, left = flags.parse(ROWS, words.split())
    assert {key: found[key] for key in values} == values
    assert left == rest


@pytest.mark.parametrize("words", ["--nosuch", "--bundle", "--number x", "--force=maybe"])
def test_wrong_flags(words: str) -> None:
    with pytest.raises(Refusal):
        flags.parse(ROWS, words.split())


@pytest.mark.parametrize("text", ["9", "KILL", "SIGKILL", "sigkill"])
def test_signals(text: str) -> None:
    assert kill.signal_number(text) == 9


@pytest.mark.parametrize("text", ["NOSUCH", "65", "-9", "_BLOCK"])
def test_what_is_no_signal(text: str) -> None:
    with pytest.raises(Refusal):
        kill.signal_number(text)


def test_lines_of_ps() -> None:
    text = "UID PID CMD\nroot 1 init\nroot 11 sh\nroot 2 x 1\n"
    assert ps.select(text, [11, 2]) == "UID PID CMD\nroot 11 sh\nroot 2 x 1\n"
    with pytest.raises(Refusal):
        ps.select("CMD\n", [1])


@pytest.mark.parametrize(
    ("text", "size"), [("64m", 64 << 20), ("1GB", 1 << 30), ("4096", 4096), ("-1", -1)]
)
def test_sizes(text: str, size: int) -> None:
    assert update.size("memory", text) == size


@pytest.mark.parametrize("text", ["", "m", "x", "-2"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(Refusal):
        update.size("memory", text)


@pytest.mark.parametrize(("text", "seconds"), [("5s", 5.0), ("100ms", 0.1), ("2m", 120.0)])
def test_durations(text: str, seconds: float) -> None:
    assert events.seconds(text) == pytest.approx(seconds)


def test_features_name_every_namespace() -> None:
    assert "cgroup" in features.document()["linux"]["namespaces"]


@pytest.mark.parametrize("verb", ["create", "start", "state", "kill", "delete", "exec", "run"])
def test_imports_stay_cheap(verb: str) -> None:
    heavy = "re json socket subprocess typing dataclasses enum pathlib logging shutil tempfile"
    script = (
        f"import sys; sys.path[:0] = {sys.path!r}; import wherry.runtime.oci.main;"
        f" import wherry.runtime.oci.verbs.{verb};"
        f" print(*set({heavy.split()!r}) & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-IS", "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
