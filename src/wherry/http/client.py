"""A small asynchronous HTTP/1.1 client for unix sockets (tests, tools, the engine's own health).

One connection carries one exchange at a time and is kept alive. Errors of the transport are
OSError, answers that are not HTTP h11.RemoteProtocolError.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import h11

from wherry.http.flow import HIGH

READ_SIZE: Final = 64 * 1024
MAX_HEAD: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ClientAnswer:
    """The head of an answer and the way to its body (to be read to the end, or the client closed).

    Header names are in lower case.
    """

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]

    async def read(self) -> bytes:
        """Return the whole body."""
        return b"".join([chunk async for chunk in self.chunks])


class RawConnection:
    """The client's side of a hijacked connection."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, early: bytes
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._early = early

    async def read(self) -> bytes:
        """Return what came next, b"" at the end."""
        if self._early:
            early, self._early = self._early, b""
            return early
        return await self._reader.read(READ_SIZE)

    async def read_all(self) -> bytes:
        """Return everything up to the end."""
        whole = bytearray()
        while data := await self.read():
            whole += data
        return bytes(whole)

    async def write(self, data: bytes) -> None:
        """Send bytes. Raises OSError when the server is gone."""
        self._writer.write(data)
        await self._writer.drain()

    def end(self) -> None:
        """Close our direction."""
        self._writer.write_eof()

    def close(self) -> None:
        """Close both directions."""
        self._writer.close()


class Client:
    """One connection to a server on a unix socket; an asynchronous context manager."""

    def __init__(self, path: str, *, host: str = "localhost") -> None:
        self._path = path
        self._host = host
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> Client:
        await self._connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection. Idempotent."""
        if self._writer is not None:
            self._writer.close()
            self._reader = self._writer = None

    async def request(
        self,
        method: str,
        target: str,
        *,
        body: bytes | AsyncIterator[bytes] = b"",
        headers: Mapping[str, str] | None = None,
    ) -> ClientAnswer:
        """Send a request and return the answer's head as soon as it is there."""
        if isinstance(body, bytes):
            framing = {"Content-Length": str(len(body))}
        else:
            framing = {"Transfer-Encoding": "chunked"}
        await self._begin(method, target, {**(headers or {}), **framing})
        if isinstance(body, bytes):
            await self._send(h11.Data(data=body))
        else:
            async for chunk in body:
                await self._send(h11.Data(data=chunk))
        await self._send(h11.EndOfMessage())
        response = await self._head()
        return ClientAnswer(response.status_code, _headers(response), self._body())

    async def upgrade(
        self,
        method: str,
        target: str,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        protocol: str = "tcp",
    ) -> tuple[ClientAnswer, RawConnection | None]:
        """Ask for the raw connection; None (and an answer to read) when it was not given.

        It belongs to the caller; the client connects anew for the next request.
        """
        wanted = {"Connection": "Upgrade", "Upgrade": protocol, "Content-Length": str(len(body))}
        await self._begin(method, target, {**(headers or {}), **wanted})
        await self._send(h11.Data(data=body))
        await self._send(h11.EndOfMessage())
        response = await self._head()
        answer = ClientAnswer(response.status_code, _headers(response), self._body())
        if response.status_code != 101:
            return answer, None
        raw = RawConnection(*self._streams(), self._http.trailing_data[0])
        self._reader = self._writer = None
        return answer, raw

    # One exchange.

    async def _begin(self, method: str, target: str, headers: Mapping[str, str]) -> None:
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        elif self._http.our_state is not h11.IDLE or self._writer is None:
            await self.close()
            await self._connect()
        lines = {"Host": self._host, **headers}
        await self._send(h11.Request(method=method, target=target, headers=list(lines.items())))

    async def _connect(self) -> None:
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
        self._reader, self._writer = await asyncio.open_unix_connection(self._path, limit=HIGH)

    def _streams(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._reader is None or self._writer is None:
            raise ConnectionResetError("the client is closed")
        return self._reader, self._writer

    async def _send(self, event: Any) -> None:
        _, writer = self._streams()
        if data := self._http.send(event):
            writer.write(data)
            await writer.drain()

    async def _next_event(self) -> Any:
        reader, _ = self._streams()
        while True:
            event = self._http.next_event()
            if event is not h11.NEED_DATA:
                return event
            self._http.receive_data(await reader.read(READ_SIZE))

    async def _head(self) -> h11.Response | h11.InformationalResponse:
        while True:
            event = await self._next_event()
            if isinstance(event, h11.Response):
                return event
            if isinstance(event, h11.InformationalResponse) and event.status_code == 101:
                return event
            if isinstance(event, h11.ConnectionClosed):
                raise ConnectionResetError("the server closed the connection without an answer")

    async def _body(self) -> AsyncIterator[bytes]:
        while isinstance(event := await self._next_event(), h11.Data):
            yield bytes(event.data)


def _headers(response: h11.Response | h11.InformationalResponse) -> dict[str, str]:
    return {name.decode("ascii"): value.decode("latin-1") for name, value in response.headers}
