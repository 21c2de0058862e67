"""Arbitrary bytes in arbitrary slices: the server answers or closes, and never fails."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import socket
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wherry.http.connection import Connection
from wherry.http.message import Answer, Request, Response

EXAMPLES = 5000 if os.environ.get("WHERRY_LONG") == "1" else 200

LINES = [
    b"GET / HTTP/1.1\r\n",
    b"POST /x?y HTTP/1.1\r\n",
    b"HEAD / HTTP/1.0\r\n",
    b"Host: x\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: 99999999999999999999\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: Upgrade\r\nUpgrade: tcp\r\n",
    b"Connection: close\r\n",
    b"Expect: 100-continue\r\n",
    b"\r\n",
    b"hello",
    b"5\r\nhello\r\n",
    b"0\r\n\r\n",
    b"ffffffffffffffffffff\r\n",
    b"\x00\xff",
]
STREAMS = st.lists(st.one_of(st.sampled_from(LINES), st.binary(max_size=40)), max_size=12)


async def echo(request: Request) -> Answer:
    return Response(200, {}, await request.body.read(1000))


async def converse(data: bytes, cuts: list[int]) -> bytes:
    """Feed the slices to a connection over a socket pair and return what it says."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    await loop.connect_accepted_socket(lambda: Connection(echo, lambda _: over.set()), theirs)
    reader, writer = await asyncio.open_unix_connection(sock=ours)
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    try:
        for begin, end in itertools.pairwise(edges):
            writer.write(data[begin:end])
            await asyncio.sleep(0)
        writer.write_eof()
        answer = await asyncio.wait_for(reader.read(), 20)
    except ConnectionError:
        answer = b""
    writer.close()
    await asyncio.wait_for(over.wait(), 20)
    return answer


@given(parts=STREAMS, cuts=st.lists(st.integers(0, 300), max_size=6))
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_arbitrary_bytes(
    parts: list[bytes], cuts: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    failures: list[dict[str, Any]] = []

    async def run() -> bytes:
        asyncio.get_running_loop().set_exception_handler(lambda _, what: failures.append(what))
        return await converse(b"".join(parts), cuts)

    with caplog.at_level(logging.ERROR):
        caplog.clear()
        answer = asyncio.run(run())
    assert not failures and not caplog.records
    assert not answer or answer.startswith(b"HTTP/1.1 ")
    assert b"HTTP/1.1 5" not in answer
