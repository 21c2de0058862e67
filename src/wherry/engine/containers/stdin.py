"""The way to a process's standard input: a pipe's write end, or a terminal's master."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable


class PipeStdin:
    """Writes without blocking the event loop; owns its descriptor.

    The keeper has a duplicate, so that the process does not see the end of file when the daemon
    dies: `close` tells it (`close_keeper`) to close its own as well.
    """

    def __init__(self, fd: int, close_keeper: Callable[[], Awaitable[None]]) -> None:
        self._fd = fd
        self._close_keeper = close_keeper
        self._writing = asyncio.Lock()
        os.set_blocking(fd, False)

    def fileno(self) -> int:
        """The descriptor, -1 once it is closed."""
        return self._fd

    async def write(self, data: bytes) -> None:
        """Give all bytes to the process. Raises BrokenPipeError when it cannot read them."""
        view = memoryview(data)
        async with self._writing:
            while view:
                view = view[await self._write_some(view) :]

    async def close(self) -> None:
        """End of file for the process. Idempotent."""
        if self._fd >= 0:
            self.discard()
            await self._close_keeper()

    def discard(self) -> None:
        """Close our descriptor only. Idempotent."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    async def _write_some(self, view: memoryview) -> int:
        while True:
            if self._fd < 0:
                raise BrokenPipeError("standard input is closed")
            try:
                return os.write(self._fd, view)
            except BlockingIOError:
                await _writable(self._fd)


class TerminalStdin(PipeStdin):
    """The same for a terminal, which has no end of file: closing does nothing."""

    async def close(self) -> None:
        """Nothing: a terminal's user types Ctrl-D."""


async def _writable(fd: int) -> None:
    """Wait until a descriptor takes bytes, or has nobody behind it any more."""
    loop = asyncio.get_running_loop()
    woken: asyncio.Future[None] = loop.create_future()
    # A duplicate: the loop knows descriptors by number, and two tasks may wait for one pipe.
    own = os.dup(fd)
    loop.add_writer(own, _wake, woken)
    try:
        await woken
    finally:
        loop.remove_writer(own)
        os.close(own)


def _wake(woken: asyncio.Future[None]) -> None:
    if not woken.done():
        woken.set_result(None)
