"""Streams across the border between the event loop and worker threads.

Files, hashing and decompression block, so they run in threads; sockets are served by the loop.
Bytes cross the border in portions of about a megabyte, since every crossing costs some 100 µs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Executor, Future
from typing import Generic, TypeVar

_PORTION = 1 << 20

T = TypeVar("T")


class ThreadReader:
    """Bytes that arrive in the loop, as a file to read from in a thread.

    Back-pressure is natural: nothing is taken from the source but when the thread asks. An error
    of the source is raised in the thread. With `ahead` the next portion is gathered while the
    thread works on the one before; whoever wants that calls `close` when it reads no more.
    """

    def __init__(
        self, source: AsyncIterator[bytes], loop: asyncio.AbstractEventLoop, *, ahead: bool = False
    ) -> None:
        self._source = source
        self._loop = loop
        self._ahead = ahead
        self._next: Future[bytes] | None = None
        self._buffer = memoryview(b"")

    def read(self, size: int = _PORTION) -> bytes:
        """Up to `size` bytes, none at the end."""
        if not self._buffer:
            future = self._next or self._ask()
            self._next = None
            self._buffer = memoryview(future.result())
            if self._ahead and self._buffer:
                self._next = self._ask()
        size = len(self._buffer) if size < 0 else size
        portion = bytes(self._buffer[:size])
        self._buffer = self._buffer[size:]
        return portion

    def _ask(self) -> Future[bytes]:
        return asyncio.run_coroutine_threadsafe(self._more(), self._loop)

    def close(self) -> None:
        """Ask for nothing more; the source is somebody else's to read again."""
        if self._next is not None:
            self._next.cancel()

    async def _more(self) -> bytes:
        portions: list[bytes] = []
        length = 0
        while length < _PORTION:
            portion = await anext(self._source, b"")
            if not portion:
                break
            portions.append(portion)
            length += len(portion)
        return b"".join(portions)

    def __iter__(self) -> Iterator[bytes]:
        while portion := self.read():
            yield portion


async def from_thread(executor: Executor, portions: Iterator[bytes]) -> AsyncIterator[bytes]:
    """An iterator that blocks, stepped in threads; it is closed when the consumer goes away."""
    loop = asyncio.get_running_loop()
    try:
        while batch := await loop.run_in_executor(executor, _batch, portions):
            yield batch
    finally:
        close = getattr(portions, "close", None)
        if close is not None:
            await asyncio.shield(loop.run_in_executor(executor, close))


def _batch(portions: Iterator[bytes]) -> bytes:
    taken: list[bytes] = []
    length = 0
    for portion in portions:
        taken.append(portion)
        length += len(portion)
        if length >= _PORTION:
            break
    return b"".join(taken)


class Reporting(Generic[T]):
    """Work in a thread that tells news on its way; iterate to get them, and its error at the end.

    The work goes on to its end even when nobody listens any more.
    """

    def __init__(self, executor: Executor, work: Callable[[Callable[[T], None]], object]) -> None:
        self._executor = executor
        self._work = work

    async def news(self) -> AsyncIterator[T]:
        """What the work reports, as it does."""
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[T | None] = asyncio.Queue()

        def report(item: T) -> None:
            loop.call_soon_threadsafe(queue.put_nowait, item)

        future = loop.run_in_executor(self._executor, self._work, report)
        future.add_done_callback(lambda _: queue.put_nowait(None))
        while (item := await queue.get()) is not None:
            yield item
        await future
