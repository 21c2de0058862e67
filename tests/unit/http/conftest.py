"""A real server on a real unix socket, with a handler made for the test."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from wherry.http.message import Handler
from wherry.http.server import Server

Serve = Callable[[Handler], contextlib.AbstractAsyncContextManager[str]]


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    """Return a context manager that serves a handler and gives the socket's path."""

    @contextlib.asynccontextmanager
    async def running(handler: Handler) -> AsyncIterator[str]:
        server = Server(handler)
        path = str(tmp_path / "s")
        await server.listen_unix(path)
        try:
            yield path
        finally:
            await server.close()

    return running
