"""Where in a log to begin for a query: worked out backwards from its end, or by time.

A line counts at the moment at which its last byte arrived. So a selection is an offset: the lines
that are completed behind it. Each output's line that is open there has begun earlier, at its head.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from wherry.engine.containers.logs.lines import PIECE
from wherry.engine.containers.logs.query import LogQuery
from wherry.engine.containers.logs.reader import LogReader

_NEWLINE = b"\n"


@dataclass(frozen=True, slots=True)
class Selection:
    """The lines completed behind `offset`; each output's first one begins at its head."""

    offset: int
    heads: dict[int, int]

    @property
    def start(self) -> int:
        """Where to begin to read."""
        return min(self.heads.values(), default=self.offset)


def select(reader: LogReader, query: LogQuery, end: int, *, ended: bool) -> Selection:
    """Where to begin for `query` in a log that reaches to `end`.

    `ended`: nothing more will come, so that what has no newline is a line too.
    """
    start = reader.begin()
    if query.since:
        start = max(start, min(reader.find_time(query.since), end))
    if query.tail is not None:
        start = max(start, _tail(reader, query.tail, query.streams, end, ended=ended))
    return Selection(start, _heads(reader, query.streams, start))


def _tail(reader: LogReader, lines: int, streams: frozenset[int], end: int, *, ended: bool) -> int:
    """The offset behind which `lines` lines of the outputs together are completed."""
    if lines == 0:
        return end
    wanted = lines
    unseen = set(streams)
    for chunk in reader.backwards(end):
        if chunk.stream not in streams:
            continue
        if chunk.stream in unseen:
            unseen.remove(chunk.stream)
            wanted -= ended and not chunk.data.endswith(_NEWLINE)
        count = chunk.data.count(_NEWLINE)
        if count > wanted:
            return chunk.offset + _position_of_last(chunk.data, max(wanted, 0) + 1) + 1
        wanted -= count
    return 0


def _position_of_last(data: bytes, count: int) -> int:
    """Where the `count`-th newline from the end is."""
    position = len(data)
    for _ in range(count):
        position = data.rindex(_NEWLINE, 0, position)
    return position


def _heads(reader: LogReader, streams: Iterable[int], start: int) -> dict[int, int]:
    """For each output, where the line begins that is open at `start`."""
    heads = dict.fromkeys(streams, start)
    open_lines = dict.fromkeys(heads, 0)  # stream -> bytes of its open line found so far
    for chunk in reader.backwards(start):
        if chunk.stream not in open_lines:
            continue
        newline = chunk.data.rfind(_NEWLINE)
        if newline < len(chunk.data) - 1:
            heads[chunk.stream] = chunk.offset + newline + 1
        open_lines[chunk.stream] += len(chunk.data)
        if newline >= 0 or open_lines[chunk.stream] >= PIECE:
            del open_lines[chunk.stream]
        if not open_lines:
            break
    return heads
