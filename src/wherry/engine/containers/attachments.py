"""Connections of clients to the streams of containers and execs: the role `Attachment`.

A container can be attached to before it runs: output begins with the first byte of the next run,
and what is typed waits for it. An attachment ends with the run that it saw.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection
from typing import TYPE_CHECKING, Any, Final

from wherry.engine.closing import closing
from wherry.engine.containers.runtime import Chunk as RuntimeChunk
from wherry.engine.containers.runtime import KeeperGone, Running
from wherry.engine.values.streams import STDERR, STDOUT, AttachRequest, Chunk
from wherry.errors import Conflict

if TYPE_CHECKING:
    from wherry.engine.containers.live import Live

QUIET: Final = 2.0
"""Seconds that an exec's output may stay silent after its end before it counts as finished: a
process it left behind may hold its streams open for ever (dockerd waits as long)."""


class ContainerAttachment:
    """A client at a container. `input_may_end` is StdinOnce: the client's end is the process's."""

    def __init__(
        self,
        live: Live,
        request: AttachRequest,
        history: AsyncIterator[Chunk] | None,
        on_detach: Callable[[], None],
    ) -> None:
        self._config = live.record.config
        self._request = request
        self._history = history
        self._on_detach = on_detach
        self._leave = live.readers.enter()
        self._closed = asyncio.get_running_loop().create_future()
        self._running = _running_or_next(live) if request.stream else _never()
        self._following = _follow_now(live) if request.stream and history is None else None

    @property
    def tty(self) -> bool:
        """Whether output is one raw terminal stream."""
        return self._config.tty

    @property
    def output(self) -> AsyncIterator[Chunk]:
        """Output from now, or the whole log first, until the run's last byte."""
        return self._output()

    async def _output(self) -> AsyncIterator[Chunk]:
        wanted = wanted_streams(self._request)
        if self._history is not None:
            async with closing(self._history) as history:
                async for chunk in history:
                    yield chunk
        if self._request.stream:
            async for stream, data in self._live_output():
                if stream in wanted:
                    yield stream, data

    async def _live_output(self) -> AsyncIterator[Chunk]:
        if self._following is not None:
            first, chunks = self._following
        else:
            running = await self._process()
            if running is None:
                return
            first, chunks = None, running.stream.follow(running.stream.begin)
        async for stream, data in _chunks(first, chunks):
            yield stream, data

    async def _process(self) -> Running | None:
        """The process, once it runs; None when it never will, or the client has gone."""
        await asyncio.wait({self._running, self._closed}, return_when=asyncio.FIRST_COMPLETED)
        there = self._running.done() and not self._running.cancelled()
        return self._running.result() if there else None

    async def write(self, data: bytes) -> None:
        """Hand bytes to stdin. Raises BrokenPipeError when nobody reads them."""
        if not self._request.stdin or not self._config.open_stdin:
            return
        running = await self._process()
        if running is None or running.stream.stdin is None:
            raise BrokenPipeError("the container has no standard input")
        await running.stream.stdin.write(data)

    async def end_input(self) -> None:
        """Close stdin if it is meant for one client only and not a terminal."""
        if not (self._request.stdin and self._config.stdin_once) or self._config.tty:
            return
        running = await self._process()
        if running is not None and running.stream.stdin is not None:
            await running.stream.stdin.close()

    async def detach(self) -> None:
        """Note that the client typed its detach keys."""
        self._on_detach()

    async def close(self) -> None:
        """Let go of the streams. Idempotent."""
        self._leave()
        self._running.cancel()
        if not self._closed.done():
            self._closed.set_result(None)
        if self._following is not None:
            await _abandon(*self._following)


class ExecAttachment:
    """The one client of an exec; `ended` completes when its exit code is known."""

    def __init__(
        self,
        running: Running,
        *,
        streams: Collection[int],
        ended: asyncio.Future[None],
        on_detach: Callable[[], None],
        on_close: Callable[[], None],
    ) -> None:
        self._running = running
        self._streams = streams
        self._ended = ended
        self._on_detach = on_detach
        self._on_close = on_close

    @property
    def tty(self) -> bool:
        """Whether output is one raw terminal stream."""
        return self._running.stream.terminal

    @property
    def output(self) -> AsyncIterator[Chunk]:
        """Output from the first byte; it ends when the exit code is known, too."""
        return self._output()

    async def _output(self) -> AsyncIterator[Chunk]:
        stream = self._running.stream
        async for number, data in _until_quiet(stream.follow(stream.begin), self._ended):
            if number in self._streams:
                yield number, data
        await asyncio.shield(self._ended)

    async def write(self, data: bytes) -> None:
        """Hand bytes to stdin. Raises BrokenPipeError when nobody reads them."""
        if self._running.stream.stdin is not None:
            await self._running.stream.stdin.write(data)

    async def end_input(self) -> None:
        """Close stdin, unless it is a terminal."""
        if self._running.stream.stdin is not None and not self.tty:
            await self._running.stream.stdin.close()

    async def detach(self) -> None:
        """Note that the client typed its detach keys."""
        self._on_detach()

    async def close(self) -> None:
        """Let go of the streams. Idempotent."""
        self._on_close()


def wanted_streams(request: AttachRequest) -> frozenset[int]:
    """The outputs that were asked for."""
    rows = ((STDOUT, request.stdout), (STDERR, request.stderr))
    return frozenset(stream for stream, wanted in rows if wanted)


def check_attachable(live: Live) -> None:
    """Raise Conflict for a container that nobody can be attached to now, in Docker's words."""
    state = live.record.state
    if state.paused:
        raise Conflict(f"container {live.id} is paused, unpause the container before attach")
    if state.restarting:
        raise Conflict(f"container {live.id} is restarting, wait until the container is running")


def _running_or_next(live: Live) -> asyncio.Future[Running | None]:
    if live.running is None:
        return live.next_start()
    future: asyncio.Future[Running | None] = asyncio.get_running_loop().create_future()
    future.set_result(live.running)
    return future


def _never() -> asyncio.Future[Running | None]:
    future: asyncio.Future[Running | None] = asyncio.get_running_loop().create_future()
    future.set_result(None)
    return future


Following = tuple["asyncio.Task[RuntimeChunk | None] | None", AsyncIterator[RuntimeChunk]]


def _follow_now(live: Live) -> Following | None:
    """Begin to follow a running container at once, so that nothing said from now on is missed."""
    if live.running is None:
        return None
    chunks = live.running.stream.follow()
    return asyncio.get_running_loop().create_task(_next(chunks)), chunks


async def _next(chunks: AsyncIterator[RuntimeChunk]) -> RuntimeChunk | None:
    return await anext(chunks, None)


async def _chunks(
    first: asyncio.Task[RuntimeChunk | None] | None, chunks: AsyncIterator[RuntimeChunk]
) -> AsyncIterator[Chunk]:
    """The streams' bytes; a lost keeper ends them."""
    with contextlib.suppress(KeeperGone):
        async with closing(chunks):
            if first is not None:
                chunk = await first
                if chunk is None:
                    return
                yield chunk.stream, chunk.data
            async for chunk in chunks:
                yield chunk.stream, chunk.data


async def _until_quiet(
    chunks: AsyncIterator[RuntimeChunk], ended: asyncio.Future[None]
) -> AsyncIterator[Chunk]:
    """Chunks until they end, or until none came for a while after the process had ended."""
    with contextlib.suppress(KeeperGone):
        async with closing(chunks):
            while (chunk := await _next_or_quiet(chunks, ended)) is not None:
                yield chunk.stream, chunk.data


async def _next_or_quiet(
    chunks: AsyncIterator[RuntimeChunk], ended: asyncio.Future[None]
) -> RuntimeChunk | None:
    task = asyncio.get_running_loop().create_task(_next(chunks))
    try:
        waited: set[asyncio.Future[Any]] = {task, ended}
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            await asyncio.wait({task}, timeout=QUIET)
        return task.result() if task.done() else None
    finally:
        if not task.done():
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def _abandon(
    first: asyncio.Task[RuntimeChunk | None] | None, chunks: AsyncIterator[RuntimeChunk]
) -> None:
    if first is not None and not first.done():
        first.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await first
    with contextlib.suppress(RuntimeError):  # another task is in it and closes it itself
        await chunks.aclose()  # type: ignore[attr-defined]
