"""A scoped socket of the shared engine, and a docker command line through it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.engines import Engine
from tests.httpclient import Connection


@dataclass(frozen=True)
class Socket:
    """One scoped socket of an engine."""

    engine: Engine
    name: str
    path: str

    def run(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run docker through the socket."""
        environment = self.engine.environment | {"DOCKER_HOST": f"unix://{self.path}"}
        return subprocess.run(
            ["docker", *arguments], env=environment, input=stdin, capture_output=True, text=True,
            timeout=120, check=False,
        )  # fmt: skip

    def good(self, *arguments: str) -> str:
        """Output of a command that must work."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def bad(self, *arguments: str) -> str:
        """What a command that must fail says."""
        done = self.run(*arguments)
        assert done.returncode != 0, done.stdout
        return done.stderr

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and JSON of one request."""
        with Connection(Path(self.path)) as connection:
            answer = connection.request(method, path, body)
            return answer.status, json.loads(answer.body) if answer.body else None


class Sockets:
    """Makes scoped sockets, and takes them away again with what was made through them."""

    def __init__(self, engine: Engine, label: str) -> None:
        self.engine = engine
        self.label = label
        self._made: list[str] = []

    def make(self, *allow: str, name: str = "", **wanted: Any) -> Socket:
        """A socket whose objects carry `label`, unless `Labels` says otherwise."""
        name = name or f"{self.label}-{len(self._made)}"
        body = {"Name": name, "Allow": allow, "Labels": {"team": self.label}, **wanted}
        status, answer = ask(self.engine, "POST", "/wherry/sockets/create", body)
        assert status == 201, answer
        self._made.append(name)
        return Socket(self.engine, name, answer["Path"])

    def close(self) -> None:
        for name in self._made:
            ask(self.engine, "DELETE", f"/wherry/sockets/{name}")
        chosen = f"label=team={self.label}"
        run = self.engine.output
        for id in run("ps", "-aq", "--filter", chosen).split():
            run("rm", "-fv", id)
        run("volume", "prune", "-af", "--filter", chosen)
        run("network", "prune", "-f", "--filter", chosen)


def ask(engine: Engine, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
    """Status and JSON of one request to the engine itself."""
    with engine.connect() as connection:
        answer = connection.request(method, path, body)
        return answer.status, json.loads(answer.body) if answer.body else None


@pytest.fixture
def sockets(wherry: Engine, tmp_path: Path) -> Iterator[Sockets]:
    """What makes sockets of the shared engine."""
    made = Sockets(wherry, f"t{abs(hash(str(tmp_path))) % 10**8}")
    yield made
    made.close()
