"""Byte streams of containers and execs, as the engine hands them out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

STDOUT: Final = 1
STDERR: Final = 2

Chunk: TypeAlias = tuple[int, bytes]
"""(STDOUT or STDERR, bytes that are never empty). With a terminal everything is STDOUT."""


class Attachment(Protocol):
    """A live connection to the streams of a container or an exec.

    `tty` says whether a terminal is behind it. Whoever holds an attachment calls `close` once, on
    every path; closing ends `output` and never touches the process.
    """

    @property
    def tty(self) -> bool:
        """Whether output is one raw terminal stream."""

    @property
    def output(self) -> AsyncIterator[Chunk]:
        """What was asked for of stdout and stderr, ending when the streams end. Iterate once.

        A slow reader is waited for, never cut off.
        """

    async def write(self, data: bytes) -> None:
        """Hand bytes to stdin; returns when more may come. Raises OSError when nobody reads."""

    async def end_input(self) -> None:
        """Say that the client closed its side.

        Stdin of an exec is closed; that of a container if it is StdinOnce and not a terminal.
        """

    async def detach(self) -> None:
        """Note that the client typed its detach keys (an event); `close` still follows."""

    async def close(self) -> None:
        """Let go of the streams."""


@dataclass(frozen=True, slots=True)
class AttachRequest:
    """What a client wants of a container's streams.

    `logs` first replays what was said before; `stream` goes on with what comes. `stdin` only with
    `stream`.
    """

    stdin: bool = False
    stdout: bool = False
    stderr: bool = False
    logs: bool = False
    stream: bool = False


@dataclass(frozen=True, slots=True)
class LogsRequest:
    """What a client wants of a container's log.

    `since` and `until` are nanoseconds since the epoch, None without bound. `tail` counts lines,
    None is all. With `timestamps` every line begins with its RFC 3339 time in nanoseconds and a
    space, with `details` then with the log's attributes and a space.
    """

    stdout: bool = False
    stderr: bool = False
    follow: bool = False
    timestamps: bool = False
    details: bool = False
    since: int | None = None
    until: int | None = None
    tail: int | None = None


@dataclass(frozen=True, slots=True)
class LogStream:
    """A log being read; `chunks` holds whole lines (newline included) unless a terminal wrote them.

    Timestamps are in the chunks already. `aclose` of the iterator ends a follow.
    """

    tty: bool
    chunks: AsyncIterator[Chunk]
