"""A connection that was taken over: raw bytes both ways, each way with its own end."""

from __future__ import annotations

import asyncio

from wherry.http.flow import Gate, Inbox


class Duplex:
    """The raw bytes of a hijacked connection.

    Reading ends with b"" when the client closes its direction; writing still works then. When the
    client is gone altogether the task that holds the duplex is cancelled.
    """

    def __init__(self, transport: asyncio.Transport, inbox: Inbox, gate: Gate) -> None:
        self._transport = transport
        self._inbox = inbox
        self._gate = gate

    async def read(self) -> bytes:
        """Return what came next, b"" at the end of the client's direction."""
        return bytes(await self._inbox.take())

    async def write(self, data: bytes) -> None:
        """Send bytes; returns when more may be sent. Raises ConnectionResetError."""
        if self._gate.lost:
            raise ConnectionResetError("the peer closed the connection")
        self._transport.write(data)
        await self._gate.passed()

    def end(self) -> None:
        """Close our direction; what the client sends still arrives."""
        if self._transport.can_write_eof() and not self._gate.lost:
            self._transport.write_eof()
