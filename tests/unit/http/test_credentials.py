"""Who is at the other end of a connection."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from wherry.http.client import Client
from wherry.http.message import Answer, Credentials, Handler, Request, Response
from wherry.http.server import Server

Serve = Callable[[Handler], AbstractAsyncContextManager[str]]


class Listener:
    """Remembers who asked."""

    def __init__(self) -> None:
        self.seen: list[Credentials | None] = []

    async def __call__(self, request: Request) -> Answer:
        self.seen.append(request.credentials)
        return Response(200)


async def test_a_unix_socket_tells_who_connected(serve: Serve) -> None:
    listener = Listener()
    async with serve(listener) as path, Client(path) as client:
        for _ in range(2):
            await (await client.request("GET", "/")).read()
    assert listener.seen == [Credentials(os.getpid(), os.getuid(), os.getgid())] * 2


async def test_tcp_does_not() -> None:
    listener = Listener()
    server = Server(listener)
    await server.listen_tcp("127.0.0.1", 0)
    address = server.addresses[0]
    assert isinstance(address, tuple)
    reader, writer = await asyncio.open_connection(address[0], address[1])
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    await reader.read()
    writer.close()
    await server.close()
    assert listener.seen == [None]
