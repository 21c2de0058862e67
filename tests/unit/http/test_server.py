"""The server against raw sockets and the real client."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from wherry.http.body import BadBody
from wherry.http.client import Client
from wherry.http.message import Answer, Handler, Request, Response, Stream
from wherry.http.server import Server

Serve = Callable[[Handler], AbstractAsyncContextManager[str]]


async def echo(request: Request) -> Answer:
    body = await request.body.read(1 << 30)
    return Response(200, {"X-Path": request.path, "X-Query": request.query}, body)


async def talk(path: str, data: bytes, *, half_close: bool = True) -> bytes:
    """Send bytes, close our direction, return all that comes back."""
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(data)
    if half_close:
        writer.write_eof()
    answer = await reader.read()
    writer.close()
    return answer


async def test_keep_alive_serves_many_requests_on_one_connection(serve: Serve) -> None:
    async with serve(echo) as path, Client(path) as client:
        for size in (0, 1, 70_000, 3):
            answer = await client.request("POST", f"/a/b%2Fc?x={size}", body=b"x" * size)
            assert (answer.status, answer.headers["x-query"]) == (200, f"x={size}")
            assert answer.headers["x-path"] == "/a/b%2Fc"
            assert await answer.read() == b"x" * size


async def test_pipelined_requests_are_answered_in_order(serve: Serve) -> None:
    async with serve(echo) as path:
        one = b"POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab"
        two = b"POST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\ncd"
        answer = await talk(path, one + two)
    assert answer.index(b"X-Path: /1") < answer.index(b"ab") < answer.index(b"X-Path: /2")
    assert answer.endswith(b"cd")


async def test_half_closed_client_gets_its_answer(serve: Serve) -> None:
    async def slow(request: Request) -> Answer:
        await asyncio.sleep(0.05)
        return Response(200, {}, b"done")

    async with serve(slow) as path:
        assert (await talk(path, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")).endswith(b"done")


async def test_http_1_0_is_answered_and_closed(serve: Serve) -> None:
    async def counting(request: Request) -> Answer:
        return Stream(200, {}, numbers())

    async def numbers() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    async with serve(counting) as path:
        answer = await talk(path, b"GET / HTTP/1.0\r\n\r\n", half_close=False)
    assert answer.endswith(b"\r\n\r\nonetwo")
    assert b"chunked" not in answer


async def test_chunked_body_is_read_and_chunked_answer_written(serve: Serve) -> None:
    async def upper(request: Request) -> Answer:
        async def chunks() -> AsyncIterator[bytes]:
            async for data in request.body:
                yield data.upper()

        return Stream(200, {}, chunks())

    async def parts() -> AsyncIterator[bytes]:
        for part in (b"ab", b"cd", b"ef"):
            yield part
            await asyncio.sleep(0)

    async with serve(upper) as path, Client(path) as client:
        answer = await client.request("POST", "/", body=parts())
        assert answer.headers["transfer-encoding"] == "chunked"
        assert await answer.read() == b"ABCDEF"
        assert await (await client.request("POST", "/", body=parts())).read() == b"ABCDEF"


async def test_expect_100_continue_is_answered_when_the_body_is_wanted(serve: Serve) -> None:
    async with serve(echo) as path:
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
        )
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
        writer.write(b"hi")
        assert (await reader.readuntil(b"hi")).startswith(b"HTTP/1.1 200 ")
        writer.close()


async def test_a_body_that_is_not_read_does_not_hurt_the_next_request(serve: Serve) -> None:
    async def ignore(request: Request) -> Answer:
        return Response(200, {}, b"ok")

    async with serve(ignore) as path, Client(path) as client:
        for _ in range(3):
            answer = await client.request("POST", "/", body=b"x" * 1000)
            assert await answer.read() == b"ok"


async def test_an_early_answer_reaches_a_client_that_still_sends(serve: Serve) -> None:
    async def refuse(request: Request) -> Answer:
        return Response(400, {}, b"no")

    async with serve(refuse) as path:
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999\r\n\r\n")
        sender = asyncio.create_task(_send_for_ever(writer))
        answer = await reader.read()
        sender.cancel()
        writer.close()
    assert answer.startswith(b"HTTP/1.1 400 ") and answer.endswith(b"no")


async def _send_for_ever(writer: asyncio.StreamWriter) -> None:
    while not writer.is_closing():
        writer.write(b"x" * 65536)
        await writer.drain()


async def test_a_slow_handler_holds_the_sender_back(serve: Serve) -> None:
    taken = asyncio.Event()

    async def one_piece(request: Request) -> Answer:
        await anext(request.body)
        taken.set()
        await asyncio.sleep(3600)
        return Response(200)

    async with serve(one_piece) as path:
        _, writer = await asyncio.open_unix_connection(path)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999\r\n\r\n")
        sent = 0
        with pytest.raises(asyncio.TimeoutError):
            while True:
                writer.write(b"x" * 65536)
                await asyncio.wait_for(writer.drain(), 0.5)
                sent += 65536
        assert taken.is_set()
        assert sent < 8 * 1024 * 1024
        writer.transport.abort()


async def test_a_slow_client_holds_the_handler_back(serve: Serve) -> None:
    produced = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal produced
        while True:
            produced += 65536
            yield b"x" * 65536

    async def handler(request: Request) -> Answer:
        return Stream(200, {}, endless())

    async with serve(handler) as path:
        reader, writer = await asyncio.open_unix_connection(path, limit=1024)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.3)
        assert produced < 8 * 1024 * 1024
        writer.transport.abort()


@pytest.mark.parametrize("before_head", [True, False])
async def test_a_client_that_leaves_cancels_the_handler(serve: Serve, before_head: bool) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def waiting() -> AsyncIterator[bytes]:
        begun.set()
        try:
            await asyncio.sleep(3600)
        finally:
            ended.set()
        yield b""

    async def handler(request: Request) -> Answer:
        if before_head:
            await anext(waiting())
        return Stream(200, {}, waiting())

    async with serve(handler) as path:
        _, writer = await asyncio.open_unix_connection(path)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await begun.wait()
        writer.close()
        await asyncio.wait_for(ended.wait(), 10)


async def test_a_stream_that_fails_is_broken_off(serve: Serve) -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield b"a"
        raise ValueError

    async def handler(request: Request) -> Answer:
        return Stream(200, {}, failing())

    async with serve(handler) as path:
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = b""
        try:
            while data := await reader.read(1000):
                answer += data
        except ConnectionResetError:
            pass
        writer.close()
    assert b"200 OK" in answer and not answer.endswith(b"0\r\n\r\n")


async def test_a_broken_chunk_is_told_to_the_reader(serve: Serve) -> None:
    seen: list[str] = []

    async def handler(request: Request) -> Answer:
        try:
            return Response(200, {}, await request.body.read(100))
        except BadBody as error:
            seen.append(str(error))
            raise

    async with serve(handler) as path:
        head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        assert (await talk(path, head + b"zz\r\n")).startswith(b"HTTP/1.1 400 ")
        assert (await talk(path, head + b"5\r\nab")).startswith(b"HTTP/1.1 400 ")
    assert len(seen) == 2


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_refused(serve: Serve, garbage: bytes) -> None:
    async with serve(echo) as path:
        assert (await talk(path, garbage)).startswith(b"HTTP/1.1 400 ")


async def test_a_head_without_end_is_refused(serve: Serve) -> None:
    async with serve(echo) as path:
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n")
        answer = asyncio.create_task(reader.read())
        for _ in range(40):
            if answer.done() or writer.is_closing():
                break
            writer.write(b"X-Padding: " + b"x" * 65536 + b"\r\n")
            await asyncio.sleep(0.001)
        assert (await answer).startswith(b"HTTP/1.1 431 ")
        writer.close()


async def test_a_failing_handler_is_answered_500(serve: Serve) -> None:
    async def failing(request: Request) -> Answer:
        raise ZeroDivisionError

    async with serve(failing) as path, Client(path) as client:
        for _ in range(2):
            answer = await client.request("GET", "/")
            assert (answer.status, await answer.read()) == (500, b"Internal Server Error\n")


async def test_head_has_the_length_and_no_body(serve: Serve) -> None:
    async def handler(request: Request) -> Answer:
        return Response(200, {}, b"body")

    async with serve(handler) as path:
        answer = await talk(path, b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.lower().count(b"content-length: 4") == 1 and answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("status", [204, 304])
async def test_statuses_without_a_body_keep_the_connection(serve: Serve, status: int) -> None:
    async def handler(request: Request) -> Answer:
        return Response(status, {}, b"")

    async with serve(handler) as path, Client(path) as client:
        for _ in range(3):
            answer = await client.request("POST", "/")
            assert answer.status == status and "transfer-encoding" not in answer.headers
            assert await answer.read() == b""


async def test_socket_file_mode_replacement_and_removal(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    first = Server(echo)
    await first.listen_unix(path, mode=0o600)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    second = Server(echo)
    with pytest.raises(OSError):
        await second.listen_unix(path)
    for listener in first._listeners:
        listener.close()  # as if it had been killed: the file stays
    await second.listen_unix(path)  # nobody listens on the old file any more
    await first.close()
    async with Client(path) as client:
        assert (await client.request("GET", "/")).status == 200
    await second.close()
    assert not os.path.exists(path)


async def test_close_gives_answers_in_progress_their_time(tmp_path: Path) -> None:
    started = asyncio.Event()

    async def handler(request: Request) -> Answer:
        started.set()
        await asyncio.sleep(0.1)
        return Response(200, {}, b"late")

    server = Server(handler)
    path = str(tmp_path / "s")
    await server.listen_unix(path)
    async with Client(path) as client:
        asking = asyncio.create_task(client.request("GET", "/"))
        await started.wait()
        await server.close(grace=10)
        assert await (await asking).read() == b"late"


async def test_tcp(tmp_path: Path) -> None:
    server = Server(echo)
    await server.listen_tcp("127.0.0.1", 0)
    [address] = server.addresses
    assert isinstance(address, tuple)
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    writer.write_eof()
    assert (await reader.read()).startswith(b"HTTP/1.1 200 OK")
    writer.close()
    await server.close()
