"""The API over the double, on a real socket."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from tests.conformance import swagger
from tests.unit.api import double
from wherry.api.app import Api
from wherry.api.backend import Backends
from wherry.http.client import Client, ClientAnswer
from wherry.http.server import Server


@dataclass
class Engine:
    """The double's parts."""

    containers: double.Containers
    execs: double.Execs
    images: double.Images
    system: double.System
    events: double.Events


@dataclass
class Asker:
    """Asks the API and has every JSON answer judged by Docker's definition."""

    client: Client
    path: str

    async def send(
        self, method: str, target: str, body: Any = None, **headers: str
    ) -> ClientAnswer:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if isinstance(body, bytes):
            return await self.client.request(method, target, body=body, headers=given)
        if body is None:
            return await self.client.request(method, target, headers=given)
        given = {"Content-Type": "application/json", **given}
        return await self.client.request(method, target, body=_json(body), headers=given)

    async def json(self, method: str, target: str, body: Any = None, status: int = 200) -> Any:
        answer = await self.send(method, target, body)
        raw = await answer.read()
        assert answer.status == status, raw
        value = json.loads(raw) if raw else None
        if swagger.available() and not target.startswith("/v1."):
            assert swagger.judge().violations(method, target, status, value) == []
        return value

    async def error(self, method: str, target: str, body: Any, status: int) -> str:
        answer = await self.send(method, target, body)
        raw = await answer.read()
        assert answer.status == status, raw
        message = json.loads(raw)["message"]
        assert isinstance(message, str)
        return message


def _json(body: Any) -> bytes:
    return json.dumps(body).encode()


@pytest.fixture
def engine() -> Engine:
    """Return a fresh double."""
    return Engine(
        double.Containers(), double.Execs(), double.Images(), double.System(), double.Events()
    )


@pytest.fixture
async def ask(engine: Engine, tmp_path: Path) -> AsyncIterator[Asker]:
    """Return what asks the API."""
    server = Server(Api(cast(Backends, engine), "Wherry/1.0"))
    path = str(tmp_path / "s")
    await server.listen_unix(path)
    async with Client(path) as client:
        yield Asker(client, path)
    await server.close()
