"""`wherry` says and does what `docker` says and does, on the same engine (cli_lines.txt)."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines import Engine

ROOT = Path(__file__).parents[2]
WHERRY = [sys.executable, "-I", "-c", "from wherry.cli.main import main; main()"]

# What differs from one call to the next.
_VARIES = (
    (re.compile(r"\b[0-9a-f]{64}\b"), "ID"),
    (re.compile(r"(Less than a|About a|About an|\d+) (second|minute|hour)s?"), "TIME"),
    (re.compile(r"[ ]{3,}"), "   "),  # columns as wide as the times in them
    (re.compile(r"exec-id-\w+|\b[0-9a-f]{12}\b"), "SHORT"),
)


def lines() -> list[str]:
    text = (Path(__file__).parent / "cli_lines.txt").read_text()
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def stage(dockerd: Engine) -> Iterator[Engine]:
    """An engine with one container that has ended and one that runs."""
    if not shutil.which("docker"):
        pytest.skip("no docker command line to compare with")
    dockerd.docker("run", "--name", "done", "busybox", "sh", "-c", "echo hi; exit 3")
    dockerd.output("run", "-d", "--name", "up", "busybox", "sleep", "100000")
    yield dockerd
    dockerd.output("rm", "-f", "done", "up")


def play(engine: Engine, command: list[str], words: list[str]) -> tuple[int, str, str]:
    done = subprocess.run(
        [*command, *words],
        env=engine.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, normal(done.stdout), normal(done.stderr)


def normal(text: str) -> str:
    """The text without what varies, in the words of wherry."""
    for pattern, word in _VARIES:
        text = pattern.sub(word, text)
    return text.replace("docker", "wherry").replace("Docker daemon", "Wherry daemon")


@pytest.mark.parametrize("line", lines())
def test_same_as_docker(line: str, stage: Engine) -> None:
    words = shlex.split(line)
    assert play(stage, WHERRY, words) == play(stage, ["docker"], words)
