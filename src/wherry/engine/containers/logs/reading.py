"""`logs`: the lines of a container that runs or has run, as far as they are, or as they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

from wherry.engine.containers.logs.lines import LineAssembler
from wherry.engine.containers.logs.query import Line, LogQuery
from wherry.engine.containers.logs.reader import LogReader
from wherry.engine.containers.logs.selection import Selection, select
from wherry.engine.containers.runtime import Chunk, Running


async def read_lines(
    directory: str, query: LogQuery, *, running: Running | None = None
) -> AsyncIterator[Sequence[Line]]:
    """Yield the lines that are in the log at `directory` now, in batches.

    `running` is the container's process, if there is one: what it has written without a newline
    may become a longer line and is left out, as Docker does. Raises OSError.
    """
    ended = running is None or running.ended.done()
    with LogReader(directory) as reader:
        end = await asyncio.to_thread(reader.end)
        chosen = await asyncio.to_thread(_select, reader, query, end, ended)
        assembler = LineAssembler(chosen.heads)
        position = chosen.start
        while chunks := await asyncio.to_thread(reader.read, position, end):
            position = chunks[-1].end
            timely = [chunk for chunk in chunks if not _too_late(chunk, query)]
            if lines := [line for chunk in timely for line in assembler.feed(chunk)]:
                yield lines
            if len(timely) < len(chunks):
                return
        if ended and chosen.offset < end and (rest := _timely(assembler.flush(), query)):
            yield rest


async def follow_lines(
    directory: str, query: LogQuery, running: Running
) -> AsyncIterator[Sequence[Line]]:
    """Yield the lines that are there and those that come, until the process's last.

    Whoever reads is waited for. Raises OSError and KeeperGone.
    """
    chosen = await asyncio.to_thread(_select_present, directory, query)
    assembler = LineAssembler(chosen.heads)
    async with aclosing(running.stream.follow(chosen.start)) as chunks:
        async for chunk in chunks:
            if _too_late(chunk, query):
                return
            if lines := assembler.feed(chunk):
                yield lines
    if rest := _timely(assembler.flush(), query):
        yield rest


def _select_present(directory: str, query: LogQuery) -> Selection:
    with LogReader(directory) as reader:
        return _select(reader, query, reader.end(), False)


def _select(reader: LogReader, query: LogQuery, end: int, ended: bool) -> Selection:
    return select(reader, query, end, ended=ended)


def _timely(lines: Sequence[Line], query: LogQuery) -> Sequence[Line]:
    return [line for line in lines if line.time >= query.since]


def _too_late(chunk: Chunk, query: LogQuery) -> bool:
    return 0 < query.until < chunk.time
