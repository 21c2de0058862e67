"""The keeper's table: one row for each process that it has started and not yet forgotten."""

from __future__ import annotations

import os

from wherry.runtime.protocol import STDERR, STDOUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from wherry.runtime.keeper.clients import Client
    from wherry.runtime.log import Log

    class Reactions(Protocol):
        """What the keeper does when something happens to a process."""

        def exited(self, process: Process) -> None:
            """Its pidfd is readable."""

        def readable(self, process: Process, fd: int) -> None:
            """One of its outputs is readable, or at its end."""


class Follower:
    """A client that reads a process's output: it has read up to `seen`.

    `waiting` is whether it was told of growth and has not yet answered.
    """

    __slots__ = ("client", "number", "seen", "waiting")

    def __init__(self, client: Client, number: int, seen: int) -> None:
        self.client = client
        self.number = number
        self.seen = seen
        self.waiting = False


class Process:
    """A container's process (`container` is empty) or an exec in the container of that id.

    Descriptors are -1 when there are none (any more): `pidfd` until it was reaped, `out` and `err`
    until their end (`out` is the master of a terminal, `peer` then keeps the terminal from hanging
    up while the process lives), `stdin` until it was closed, `rootfs` until it is forgotten.
    `spool` tells that the log is one that nobody reads later; `note` is the client's own. A row
    without `out` and `err` has ended; `status` is the raw wait status once it has exited. There are
    many rows and most of them idle: no row may cost more than about a kilobyte.
    """

    __slots__ = (
        "begin", "container", "err", "exit_time", "followers", "id", "log", "note", "on", "out",
        "paused", "peer", "pid", "pidfd", "rootfs", "spool", "status", "stdin", "terminal",
    )  # fmt: skip

    def __init__(self, id: str, container: str, on: Reactions, log: Log, *, spool: bool) -> None:
        self.id = id
        self.container = container
        self.on = on
        self.log = log
        self.spool = spool
        self.begin = log.end
        self.note: bytes | None = None
        self.terminal = False
        self.pid = 0
        self.pidfd = self.out = self.err = self.stdin = self.peer = self.rootfs = -1
        self.status: int | None = None
        self.exit_time = 0
        self.followers: tuple[Follower, ...] = ()
        self.paused = False

    @property
    def ended(self) -> bool:
        """Whether the last byte of its output is in the log."""
        return self.out < 0 and self.err < 0

    def ready(self, fd: int, events: int) -> None:
        """See `loop.Watched`."""
        if fd == self.pidfd:
            self.on.exited(self)
        else:
            self.on.readable(self, fd)

    def outputs(self) -> list[tuple[int, int]]:
        """The descriptors still to be read, each with the name of the output."""
        pairs = ((self.out, STDOUT), (self.err, STDERR))
        return [pair for pair in pairs if pair[0] >= 0]

    def descriptors(self) -> tuple[list[str], list[int]]:
        """What clients get duplicates of: names out of `protocol.ROLES`, and the descriptors."""
        pty = self.out if self.terminal else -1
        have = (("pidfd", self.pidfd), ("stdin", self.stdin), ("pty", pty), ("rootfs", self.rootfs))
        present = [(name, fd) for name, fd in have if fd >= 0]
        return [name for name, _ in present], [fd for _, fd in present]

    def describe(self) -> dict[str, Any]:
        """The row as plain values, for `list`."""
        return {
            "id": self.id,
            "container": self.container,
            "pid": self.pid,
            "terminal": self.terminal,
            "status": self.status,
            "time": self.exit_time,
            "begin": self.begin,
            "end": self.log.end,
            "ended": self.ended,
            "directory": self.log.directory,
            "note": self.note,
            "fds": self.descriptors()[0],
        }

    def close(self) -> None:
        """Close every descriptor and file. Idempotent."""
        for fd in (self.pidfd, self.out, self.err, self.stdin, self.peer, self.rootfs):
            if fd >= 0:
                os.close(fd)
        self.pidfd = self.out = self.err = self.stdin = self.peer = self.rootfs = -1
        if self.spool:
            self.log.remove()
        else:
            self.log.close()
