"""Which part of a log is wanted, and what a line of it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from wherry.engine.containers.logs.timestamp import rfc3339nano
from wherry.engine.containers.runtime import STDERR, STDOUT


@dataclass(frozen=True, slots=True)
class LogQuery:
    """A selection, as `GET /containers/{id}/logs` has it.

    `since` and `until` are nanoseconds since the epoch, inclusive, 0 for no bound; `tail` is a
    number of lines, None for all.
    """

    stdout: bool = True
    stderr: bool = True
    since: int = 0
    until: int = 0
    tail: int | None = None

    @property
    def streams(self) -> frozenset[int]:
        """The selected outputs."""
        wanted = ((STDOUT, self.stdout), (STDERR, self.stderr))
        return frozenset(stream for stream, selected in wanted if selected)


class Line(NamedTuple):
    """A line of one output, or a piece of a line longer than `lines.PIECE`.

    `data` has its newline, if it ends in one (the last line of an output may not). `time` is the
    moment at which its last byte arrived, as with Docker. `continued` is true for every piece but
    a line's first, so that a long line gets one timestamp.
    """

    stream: int
    time: int
    data: bytes
    continued: bool = False

    def render(self, timestamps: bool = False, details: bool = False) -> bytes:
        """The bytes to show: `data`, behind the time and the details if asked for.

        The driver keeps no details (labels and variables), so theirs is an empty column.
        """
        if self.continued:
            return self.data
        time = b"%s " % rfc3339nano(self.time).encode() if timestamps else b""
        return b"%s%s%s" % (time, b" " if details else b"", self.data)
