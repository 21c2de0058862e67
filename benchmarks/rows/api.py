"""Rows over one kept-alive API connection: whole life, start alone, exec."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count as numbers
from pathlib import Path

from benchmarks.budgets import Budget, Row
from benchmarks.contestants import Contestants
from benchmarks.measure import Account, Turn, rounds
from tests.httpclient import Connection

BODY = {"Image": "busybox", "Cmd": ["true"], "HostConfig": {"NetworkMode": "none"}}


@dataclass(slots=True)
class Life:
    """Steps in the life of one container after another, over one connection."""

    api: Connection
    path: str = ""
    mode: str = "none"
    host: Mapping[str, object] = field(default_factory=dict)

    def create(self) -> None:
        """Make the next container."""
        body = BODY | {"HostConfig": {"NetworkMode": self.mode, **self.host}}
        answer = self.api.request("POST", "/containers/create", body)
        assert answer.status == 201, answer
        self.path = f"/containers/{answer.json()['Id']}"

    def start(self) -> None:
        """Start it: the answer comes when its program was executed."""
        answer = self.api.request("POST", f"{self.path}/start")
        assert answer.status == 204, answer

    def wait(self) -> None:
        """Wait for its end."""
        answer = self.api.request("POST", f"{self.path}/wait")
        assert answer.json()["StatusCode"] == 0, answer

    def remove(self) -> None:
        """Remove it."""
        answer = self.api.request("DELETE", self.path)
        assert answer.status == 204, answer

    def whole(self) -> None:
        """From creation to removal."""
        self.create()
        self.start()
        self.wait()
        self.remove()

    def start_to_end(self) -> None:
        """From the request to start to the exit status."""
        self.start()
        self.wait()

    def renew(self) -> None:
        """Put a created container in the place of an ended one."""
        if self.path:
            self.wait()
            self.remove()
        self.create()


def whole_life(contestants: Contestants, count: int) -> list[Row]:
    """create + start + wait + remove."""
    turns = {
        kind: Turn(contestants.accounts[kind], Life(engine.connect()).whole)
        for kind, engine in contestants.engines.items()
    }
    title = "create + start + wait + remove over one API connection"
    return [Row(title, rounds(turns, count), (Budget(12),), "without a network")]


def start_alone(contestants: Contestants, count: int) -> list[Row]:
    """Start until executed, and until the exit status, beside the bare runtimes."""
    executed, ended = {}, {}
    for kind, engine in contestants.engines.items():
        account = contestants.accounts[kind]
        one, two = Life(engine.connect()), Life(engine.connect())
        executed[kind] = Turn(account, one.start, one.renew)
        ended[kind] = Turn(account, two.start_to_end, two.renew)
    bare = bare_runtimes(contestants)
    note = "an engine's includes HTTP, database, overlay, seccomp; a runtime's is `run` of a bundle"
    return [
        Row("start, request to executed, API", rounds(executed, count)),
        Row("start, request to exit status, API", rounds(ended | bare, count), (), note),
    ]


def bare_runtimes(contestants: Contestants) -> dict[str, Turn]:
    """`run` of the bare bundle by each runtime that is installed and works here."""
    bundle = contestants.bundle
    assert bundle is not None
    turns = {}
    script = Path(sys.executable).parent / "wherry-oci"
    for name, program in {"runc": "runc", "crun": "crun", "wherry-oci": str(script)}.items():
        if not shutil.which(program):
            continue
        account = contestants.accounts.setdefault(name, Account(name))
        action = _bundle_run([program, f"--root={bundle / name}"], bundle)
        try:
            action()
        except subprocess.CalledProcessError as error:
            contestants.missing[name] = error.stderr.decode(errors="replace").strip()[-300:]
            continue
        turns[name] = Turn(account, action)
    return turns


def _bundle_run(runtime: list[str], bundle: Path) -> Callable[[], None]:
    """`run` of the bundle; a runtime that fails quickly must not look like a fast one."""
    ids = numbers()

    def run() -> None:
        command = [*runtime, "run", "--bundle", str(bundle), f"bench-{next(ids)}"]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True)

    return run


def exec_true(contestants: Contestants, count: int) -> list[Row]:
    """Exec of `true`: create, start attached until its stream ends, exit code."""
    turns = {}
    targets = []
    for kind, engine in contestants.engines.items():
        api = engine.connect()
        body = BODY | {"Cmd": ["sleep", "10000"]}
        path = f"/containers/{api.request('POST', '/containers/create', body).json()['Id']}"
        assert api.request("POST", f"{path}/start").status == 204
        targets.append((api, path))
        turns[kind] = Turn(contestants.accounts[kind], _exec(api, path))
    results = rounds(turns, count)
    for api, path in targets:
        api.request("DELETE", f"{path}?force=1")
    return [Row("exec of true over the API", results, (Budget(6),))]


def _exec(api: Connection, path: str) -> Callable[[], None]:
    def run() -> None:
        body = {"Cmd": ["true"], "AttachStdout": True}
        identity = api.request("POST", f"{path}/exec", body).json()["Id"]
        api.request("POST", f"/exec/{identity}/start", {"Detach": False, "Tty": False})
        assert api.request("GET", f"/exec/{identity}/json").json()["ExitCode"] == 0

    return run
