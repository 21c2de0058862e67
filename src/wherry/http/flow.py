"""Back-pressure: the two valves of a connection.

`Inbox` is what comes in: above HIGH bytes the socket is no longer read, below LOW it is again.
`Gate` is what goes out: a writer waits while the transport's buffer is full.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

HIGH: Final = 256 * 1024
LOW: Final = 64 * 1024


class Inbox:
    """Bytes received and not yet taken, for one reader.

    `pause` and `resume` are called when the buffer passes HIGH and LOW (idempotent ones).
    """

    def __init__(self, pause: Callable[[], None], resume: Callable[[], None]) -> None:
        self._pause = pause
        self._resume = resume
        self._chunks: deque[bytes | bytearray] = deque()
        self._size = 0
        self._ended = False
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    @property
    def ended(self) -> bool:
        """Whether the end was seen; bytes may still wait to be taken."""
        return self._ended

    def feed(self, data: bytes | bytearray) -> None:
        """Add what was received."""
        self._chunks.append(data)
        self._size += len(data)
        if self._size > HIGH:
            self._pause()
        self._wake()

    def end(self, error: Exception | None = None) -> None:
        """Say that nothing more comes; with an error, `take` raises it after the last byte."""
        if not self._ended:
            self._ended, self._error = True, error
            self._wake()

    async def take(self) -> bytes | bytearray:
        """Return the next bytes as they came, b"" at the end. Raises the error given to `end`."""
        while not self._chunks:
            if self._error is not None:
                raise self._error
            if self._ended:
                return b""
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        data = self._chunks.popleft()
        self._size -= len(data)
        if self._size <= LOW:
            self._resume()
        return data

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Gate:
    """Open while the transport takes more; closed for ever when the connection is lost."""

    def __init__(self) -> None:
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._paused = False
        self.lost = False

    def shut(self) -> None:
        """The transport's buffer is full."""
        self._paused = True

    def open(self) -> None:
        """The transport's buffer has room."""
        self._paused = False
        self._release()

    def lose(self) -> None:
        """The connection is gone."""
        self.lost = True
        self._release()

    async def passed(self) -> None:
        """Wait until more may be written. Raises ConnectionResetError when there is no peer."""
        while self._paused and not self.lost:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter
        if self.lost:
            raise ConnectionResetError("the peer closed the connection")

    def _release(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
