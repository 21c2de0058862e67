"""`logs` and the history of `attach`: a container's log as chunks for a client."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

from wherry.engine.closing import closing
from wherry.engine.containers import logdrivers
from wherry.engine.containers.logs.query import Line, LogQuery
from wherry.engine.containers.logs.reading import follow_lines, read_lines
from wherry.engine.containers.runtime import KeeperGone
from wherry.engine.values.streams import AttachRequest, Chunk, LogsRequest, LogStream

if TYPE_CHECKING:
    from wherry.engine.containers.live import Live


def read_log(live: Live, request: LogsRequest) -> LogStream:
    """The log as the client asks for it. Raises Unsupported where none is kept."""
    logdrivers.require_readable(live.record)
    query = LogQuery(
        stdout=request.stdout,
        stderr=request.stderr,
        since=request.since or 0,
        until=request.until or 0,
        tail=request.tail,
    )
    chunks = _chunks(live, query, request)
    return LogStream(live.record.config.tty, chunks)


def history(live: Live, request: AttachRequest) -> AsyncIterator[Chunk]:
    """What was said before, for an attach that asks for it."""
    wanted = LogsRequest(stdout=request.stdout, stderr=request.stderr, follow=request.stream)
    return read_log(live, wanted).chunks


async def _chunks(live: Live, query: LogQuery, request: LogsRequest) -> AsyncIterator[Chunk]:
    """Lines, and with `follow` those of later runs too, as long as there is one going on."""
    leave = live.readers.enter()
    try:
        async with closing(_batches(live, query, follow=request.follow)) as batches:
            async for lines in batches:
                for stream, data in _joined(lines, request):
                    yield stream, data
    finally:
        leave()


async def _batches(live: Live, query: LogQuery, *, follow: bool) -> AsyncIterator[Sequence[Line]]:
    target = logdrivers.log_target(live.record)
    running = live.running
    if target is None or (not os.path.isdir(target.bytes_directory) and running is None):
        return
    if follow and running is not None:
        try:
            async with closing(follow_lines(target.bytes_directory, query, running)) as batches:
                async for lines in batches:
                    yield lines
        except KeeperGone:
            return
    else:
        async with closing(read_lines(target.bytes_directory, query, running=running)) as batches:
            async for lines in batches:
                yield lines


def _joined(lines: Sequence[Line], request: LogsRequest) -> list[Chunk]:
    """Consecutive lines of one stream in one chunk, so that a frame carries many."""
    joined: list[tuple[int, list[bytes]]] = []
    for line in lines:
        if not joined or joined[-1][0] != line.stream:
            joined.append((line.stream, []))
        joined[-1][1].append(line.render(request.timestamps, request.details))
    return [(stream, b"".join(parts)) for stream, parts in joined]
