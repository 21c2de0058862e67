"""Side-by-side cases: their form in YAML, and running one on an engine.

A file in cases/ is a list of cases:

    - case: what it shows, in words (also its name for `pytest -k`)
      leaves_nothing: true          # optional: stock is taken before anything is tidied up
      networks: true                # optional: both engines have bridges and a firewall, each in a
                                    # network of its own, where $THERE runs a command: $THERE curl
      steps:
        - docker run --rm busybox echo hello          # a line for bash; must exit with 0
        - run: docker run busybox nosuch              # the long form
          exit: 127                                   # exit status it must have on every engine
          stdin: text for standard input
          stderr: [executable file not found]         # words it must have on every engine;
                                                      # without this, stderr must be the same
          compare: json | sorted | nothing            # how stdout is compared; plain text if absent
        - terminal: docker run -it --rm busybox sh    # run on a pseudo-terminal
          size: [30, 100]                             # rows, columns
          talk:
            - expect: "# "                            # regular expression
            - send: "exit 3\\n"
            - resize: [40, 120]
          exit: 3

`docker` is the real command line, and DOCKER_HOST names the engine. The current directory is an
empty one that all steps of a case share. Containers and images that a case leaves are removed
after it, so names need not be unique between cases; the image `busybox` (tests/images.py) is there.
$REPOSITORY is the beginning of names in a docker-registry, of this case and engine alone.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests import images
from tests.clients import normalise
from tests.engines import Engine
from tests.terminal import Terminal

CASES = Path(__file__).parent / "cases"
STEP_SECONDS = 60
COMPARISONS = ("text", "json", "sorted", "nothing")


@dataclass(frozen=True, slots=True)
class Step:
    """One command line of a case."""

    run: str
    terminal: bool = False
    exit: int = 0
    stdin: str = ""
    stderr: tuple[str, ...] | None = None
    compare: str = "text"
    talk: tuple[Mapping[str, Any], ...] = ()
    size: tuple[int, int] = (24, 80)


@dataclass(frozen=True, slots=True)
class Case:
    """A named list of steps."""

    name: str
    steps: tuple[Step, ...]
    leaves_nothing: bool = False
    networks: bool = False

    @property
    def needs_registry(self) -> bool:
        """Whether its steps name $REPOSITORY."""
        return any("$REPOSITORY" in step.run for step in self.steps)


@dataclass(frozen=True, slots=True)
class Result:
    """What one step gave on one engine, as it was."""

    exit: int
    stdout: bytes
    stderr: bytes
    places: Mapping[str, str] = field(repr=False)

    def compared(self, how: str) -> Any:
        """Standard output in the form in which two engines are compared."""
        if how == "json":
            return normalise.document(self.stdout, self.places)
        text = normalise.text(self.stdout, self.places)
        return {"text": text, "sorted": sorted(text.splitlines()), "nothing": None}[how]

    @property
    def errors(self) -> str:
        """Standard error in the form in which two engines are compared."""
        return normalise.text(self.stderr, self.places)


def load() -> list[Case]:
    """All cases of all files. Raises ValueError for one that cannot be understood."""
    found = []
    for path in sorted(CASES.glob("*.yaml")):
        for row in yaml.safe_load(path.read_text()):
            found.append(_case(path, dict(row)))
    names = [case.name for case in found]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"cases with the same name: {twice}")
    return found


def _case(path: Path, row: dict[str, Any]) -> Case:
    try:
        steps = tuple(_step(step) for step in row.pop("steps"))
        return Case(f"{path.stem}: {row.pop('case')}", steps, **row)
    except (TypeError, KeyError) as error:
        raise ValueError(f"{path.name}: {row}: {error}") from error


def _step(row: str | dict[str, Any]) -> Step:
    if isinstance(row, str):
        return Step(row)
    row = dict(row)
    terminal = "terminal" in row
    line = row.pop("terminal" if terminal else "run")
    if "stderr" in row:
        row["stderr"] = tuple(row["stderr"])
    if row.get("compare", "text") not in COMPARISONS:
        raise KeyError(f"compare must be one of {COMPARISONS}")
    return Step(line, terminal, **row)


def play(case: Case, engine: Engine, directory: Path, registry: str = "") -> list[Result]:
    """Run every step on one engine, one after the other; `registry` is an address."""
    places = {str(directory): "$PWD", str(engine.root): "$ENGINE"}
    environment = dict(engine.environment)
    if case.networks:
        environment["THERE"] = " ".join(engine.there)
    if case.needs_registry:
        folder = f"{engine.kind}{zlib.crc32(case.name.encode()):08x}"
        environment["REPOSITORY"] = f"{registry}/{folder}"
        places |= {f"{registry}/{folder}": "$REPOSITORY", f"from {folder}/": "from $FOLDER/"}
    return [_play_step(step, environment, directory, places) for step in case.steps]


def _play_step(
    step: Step, environment: dict[str, str], directory: Path, places: dict[str, str]
) -> Result:
    if step.terminal:
        return _play_terminal(step, environment, directory, places)
    process = subprocess.Popen(
        ["bash", "-c", step.run],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        cwd=directory,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(step.stdin.encode(), STEP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        err += f"\ntests: still running after {STEP_SECONDS} s\n".encode()
    return Result(process.returncode, out, err, places)


def _play_terminal(
    step: Step, environment: dict[str, str], directory: Path, places: dict[str, str]
) -> Result:
    command = ["bash", "-c", f"exec {step.run}"]
    with Terminal(command, environment, step.size, str(directory)) as terminal:
        try:
            for act in step.talk:
                _act(terminal, act)
            code = terminal.end()
        except AssertionError as error:
            return Result(-1, terminal.seen, f"tests: {error}".encode(), places)
        return Result(code, terminal.seen, b"", places)


def _act(terminal: Terminal, act: Mapping[str, Any]) -> None:
    for what, value in act.items():
        if what == "expect":
            terminal.expect(value)
        elif what == "send":
            terminal.send(value)
        elif what == "resize":
            _drag(terminal, *value)
        else:
            raise KeyError(what)


def _drag(terminal: Terminal, rows: int, columns: int) -> None:
    """Resize as a window manager does, with several signals: the client installs its handler some
    time after the program's first output, and nobody can see when."""
    for _ in range(4):
        terminal.resize(rows, columns)
        time.sleep(0.3)


def tidy(engine: Engine) -> None:
    """Remove containers, networks and images; the fixture's image must be there after it."""
    with engine.connect() as api:
        if api.request("GET", "/images/busybox/json").status == 404:
            engine.output("load", stdin=images.busybox_archive())
        for container in api.request("GET", "/containers/json?all=1").json():
            api.request("DELETE", f"/containers/{container['Id']}?force=1&v=1")
        for network in api.request("GET", "/networks").json():
            if network["Name"] not in ("bridge", "host", "none"):
                api.request("DELETE", f"/networks/{network['Id']}")
        for image in api.request("GET", "/images/json").json():
            if "busybox:latest" not in (image.get("RepoTags") or []):
                api.request("DELETE", f"/images/{image['Id']}?force=1")
                continue
            for tag in image["RepoTags"]:
                if tag != "busybox:latest":
                    api.request("DELETE", f"/images/{tag}")
