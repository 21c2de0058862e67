"""Connections that are taken over: both forms, early bytes, half-close, back-pressure."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from wherry.http.client import Client
from wherry.http.duplex import Duplex
from wherry.http.message import Answer, Handler, Hijack, Request, Response

Serve = Callable[[Handler], AbstractAsyncContextManager[str]]


async def shout(request: Request) -> Answer:
    """Say the request's body, then everything that comes in upper case, then "end"."""
    said = await request.body.read(1000)

    async def run(duplex: Duplex) -> None:
        await duplex.write(said)
        while data := await duplex.read():
            await duplex.write(data.upper())
        await duplex.write(b"end")

    return Hijack(run, {"Content-Type": "application/x-raw"})


async def test_upgrade_with_a_body_and_half_close(serve: Serve) -> None:
    async with serve(shout) as path, Client(path) as client:
        answer, raw = await client.upgrade("POST", "/", body=b"{}")
        assert answer.status == 101 and raw is not None
        assert answer.headers["upgrade"] == "tcp"
        assert answer.headers["content-type"] == "application/x-raw"
        await raw.write(b"abc")
        raw.end()
        assert await raw.read_all() == b"{}ABCend"
        assert (await client.request("GET", "/x")).status == 200  # on a new connection


async def test_bytes_sent_right_behind_the_body_are_kept(serve: Serve) -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
    async with serve(shout) as path:
        for split in (0, 10, len(head), len(head) + 21, len(head) + 23):
            reader, writer = await asyncio.open_unix_connection(path)
            whole = head + b"Content-Length: 2\r\n\r\n{}early"
            writer.write(whole[:split])
            await asyncio.sleep(0.01)
            writer.write(whole[split:])
            writer.write_eof()
            answer = await reader.read()
            writer.close()
            assert answer.startswith(b"HTTP/1.1 101 UPGRADED\r\n")
            assert answer.endswith(b"\r\n\r\n{}EARLYend")


async def test_raw_stream_without_upgrade(serve: Serve) -> None:
    async with serve(shout) as path:
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}early")
        head = await reader.readuntil(b"\r\n\r\n")
        assert head == b"HTTP/1.1 200 OK\r\nContent-Type: application/x-raw\r\n\r\n"
        assert await reader.readexactly(7) == b"{}EARLY"
        writer.write_eof()
        assert await reader.read() == b"end"
        writer.close()


async def test_an_upgrade_may_be_refused_and_the_connection_kept(serve: Serve) -> None:
    async def refuse(request: Request) -> Answer:
        return Response(404, {}, b"no")

    async with serve(refuse) as path, Client(path) as client:
        for _ in range(2):
            answer, raw = await client.upgrade("POST", "/")
            assert (answer.status, raw, await answer.read()) == (404, None, b"no")


async def test_megabytes_both_ways_at_once(serve: Serve) -> None:
    size = 8 * 1024 * 1024
    async with serve(shout) as path, Client(path) as client:
        _, raw = await client.upgrade("POST", "/")
        assert raw is not None

        async def send() -> None:
            for _ in range(size // 65536):
                await raw.write(b"x" * 65536)
            raw.end()

        sending = asyncio.create_task(send())
        answer = await raw.read_all()
        await sending
    assert len(answer) == size + 3 and answer.endswith(b"Xend")


async def test_a_reader_that_stops_holds_the_sender_back(serve: Serve) -> None:
    async def deaf(request: Request) -> Answer:
        async def run(duplex: Duplex) -> None:
            await asyncio.sleep(3600)

        return Hijack(run)

    async with serve(deaf) as path, Client(path) as client:
        _, raw = await client.upgrade("POST", "/")
        assert raw is not None
        sent = 0
        try:
            while True:
                await asyncio.wait_for(raw.write(b"x" * 65536), 0.5)
                sent += 65536
        except TimeoutError:
            pass
        assert 0 < sent < 8 * 1024 * 1024
        raw.close()


async def test_our_direction_can_end_first(serve: Serve) -> None:
    heard: list[bytes] = []

    async def handler(request: Request) -> Answer:
        async def run(duplex: Duplex) -> None:
            duplex.end()
            while data := await duplex.read():
                heard.append(data)

        return Hijack(run)

    async with serve(handler) as path, Client(path) as client:
        _, raw = await client.upgrade("POST", "/")
        assert raw is not None
        assert await raw.read() == b""
        await raw.write(b"still there")
        raw.end()
        await asyncio.sleep(0.05)
    assert heard == [b"still there"]


async def test_a_client_gone_after_half_close_cancels(serve: Serve) -> None:
    half, gone = asyncio.Event(), asyncio.Event()

    async def handler(request: Request) -> Answer:
        async def run(duplex: Duplex) -> None:
            assert await duplex.read() == b""
            half.set()
            try:
                await asyncio.sleep(3600)
            finally:
                gone.set()

        return Hijack(run)

    async with serve(handler) as path, Client(path) as client:
        _, raw = await client.upgrade("POST", "/")
        assert raw is not None
        raw.end()
        await half.wait()
        await asyncio.sleep(0.05)
        assert not gone.is_set()
        raw.close()
        await asyncio.wait_for(gone.wait(), 10)


async def test_what_a_client_still_sends_does_not_spoil_the_end(serve: Serve) -> None:
    async def brief(request: Request) -> Answer:
        async def run(duplex: Duplex) -> None:
            await duplex.write(b"bye")

        return Hijack(run)

    async with serve(brief) as path, Client(path) as client:
        for _ in range(20):
            _, raw = await client.upgrade("POST", "/")
            assert raw is not None
            await raw.write(b"x" * 100_000)
            assert await raw.read_all() == b"bye"
            raw.close()
