"""Answers whose body is a file's bytes: over unix sockets and TCP, whole, in part, cut short."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from wherry.http import sendfile
from wherry.http.client import Client
from wherry.http.message import Answer, FileBody, Handler, Request, Response
from wherry.http.server import Server

Serve = Callable[[Handler], AbstractAsyncContextManager[str]]


@pytest.fixture
def content(tmp_path: Path) -> tuple[Path, bytes]:
    data = os.urandom(3 * sendfile.WINDOW // 2)
    path = tmp_path / "content"
    path.write_bytes(data)
    return path, data


def offering(path: Path, offset: int, count: int) -> Handler:
    async def handler(request: Request) -> Answer:
        if request.path == "/small":
            return Response(200, {}, b"small")
        return FileBody(200, {"X-Kind": "file"}, path.open("rb"), offset, count)

    return handler


async def test_file_is_sent_and_the_connection_kept(
    serve: Serve, content: tuple[Path, bytes]
) -> None:
    path, data = content
    async with serve(offering(path, 0, len(data))) as socket, Client(socket) as client:
        for _ in range(2):
            answer = await client.request("GET", "/file")
            assert answer.headers["content-length"] == str(len(data))
            assert await answer.read() == data
            assert await (await client.request("GET", "/small")).read() == b"small"


async def test_part_of_a_file(serve: Serve, content: tuple[Path, bytes]) -> None:
    path, data = content
    async with serve(offering(path, 70_000, 1234)) as socket, Client(socket) as client:
        answer = await client.request("GET", "/file")
        assert await answer.read() == data[70_000 : 70_000 + 1234]


async def test_head_tells_the_length_and_sends_nothing(
    serve: Serve, content: tuple[Path, bytes]
) -> None:
    path, data = content
    async with serve(offering(path, 0, len(data))) as socket:
        reader, writer = await asyncio.open_unix_connection(socket)
        writer.write(
            b"HEAD /file HTTP/1.1\r\nHost: x\r\n\r\nGET /small HTTP/1.1\r\nHost: x\r\n\r\n"
        )
        writer.write_eof()
        answer = await reader.read()
        writer.close()
    assert f"Content-Length: {len(data)}".encode() in answer
    assert answer.endswith(b"small")
    assert len(answer) < 1000


async def test_a_file_that_is_too_short_breaks_the_connection(
    serve: Serve, content: tuple[Path, bytes]
) -> None:
    path, data = content
    async with serve(offering(path, 0, len(data) + 1)) as socket:
        reader, writer = await asyncio.open_unix_connection(socket)
        writer.write(b"GET /file HTTP/1.1\r\nHost: x\r\n\r\n")
        received = bytearray()
        with pytest.raises(ConnectionError):
            while piece := await reader.read(1 << 20):
                received += piece
            raise ConnectionResetError
        writer.close()
    assert len(received.partition(b"\r\n\r\n")[2]) <= len(data)


async def test_over_tcp(content: tuple[Path, bytes]) -> None:
    path, data = content
    server = Server(offering(path, 0, len(data)))
    await server.listen_tcp("127.0.0.1", 0)
    try:
        address = server.addresses[0]
        assert isinstance(address, tuple)
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"GET /file HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
        assert answer.partition(b"\r\n\r\n")[2] == data
    finally:
        await server.close()


async def test_a_client_that_leaves_ends_the_sending(
    serve: Serve, content: tuple[Path, bytes]
) -> None:
    path, data = content
    async with serve(offering(path, 0, len(data))) as socket:
        reader, writer = await asyncio.open_unix_connection(socket)
        writer.write(b"GET /file HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.read(1000)
        writer.close()
        async with Client(socket) as client:
            assert await (await client.request("GET", "/small")).read() == b"small"
