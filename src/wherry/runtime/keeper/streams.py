"""Output: from a process's pipes or terminal into its log, and word of it to followers.

Nothing is lost and nobody is cut off: while a follower lags so far that the next byte would push
the oldest unread one out of the log, the process's outputs are not read, its pipes fill and it
waits. A process without followers never waits; its log drops the oldest instead.
"""

from __future__ import annotations

import errno
import os
import sys
from fcntl import F_SETPIPE_SZ, fcntl

from wherry.runtime.keeper.process import Follower
from wherry.runtime.protocol import STDERR, STDOUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from wherry.runtime.keeper.chores import Chore
    from wherry.runtime.keeper.clients import Client, Clients
    from wherry.runtime.keeper.loop import Loop
    from wherry.runtime.keeper.process import Process

BUDGET = 256 * 1024  # bytes of one output in one round of the loop
_PIPE = 64 * 1024  # the kernel's default size of a pipe
_DRAIN_ROUNDS = 8
_RETRY = 1.0  # seconds until a log that could not be written is tried again


class Streams:
    """Reads outputs, and keeps followers and processes in step."""

    def __init__(self, loop: Loop, clients: Clients, retry: Chore) -> None:
        self._loop = loop
        self._clients = clients
        self._retry = retry
        self._stuck: list[Process] = []  # their logs could not be written

    def begin(self, process: Process) -> None:
        """Start to read a process's outputs."""
        for fd, _ in process.outputs():
            self._loop.watch(fd, process)

    def readable(self, process: Process, fd: int) -> None:
        """Take what one output has; called by the loop."""
        if not _may_write(process):
            self._pause(process)
            return
        before = process.log.end
        self._take(process, fd)
        if process.log.end != before:
            self._tell(process)
        if process.ended:
            self.announce_end(process)

    def drain(self, process: Process) -> None:
        """Take what a process that has exited left in its pipes, within bounds.

        Followers hear of it here unless the output has ended, which the caller tells.
        """
        for fd, _ in process.outputs():
            for _ in range(_DRAIN_ROUNDS):
                if process.paused or not _may_write(process) or not self._take(process, fd):
                    break
        if not process.ended:
            self._tell(process)

    def end(self, process: Process) -> None:
        """Stop reading what is left (the process is being forgotten)."""
        already = process.ended
        for fd, _ in process.outputs():
            self._close(process, fd)
        if not already:
            self.announce_end(process)

    def announce_end(self, process: Process) -> None:
        """Tell that the last byte is in the log."""
        self._clients.broadcast({"event": "ended", "id": process.id, "end": process.log.end})

    def follow(self, process: Process, client: Client, number: int, offset: int) -> None:
        """Tell `client` of everything behind `offset`, from now on."""
        follower = Follower(client, number, max(offset, process.log.begin))
        process.followers = (*process.followers, follower)
        if process.log.end > follower.seen:
            self._tell(process)

    def seen(self, process: Process, client: Client, number: int, offset: int) -> None:
        """A follower has read up to `offset`: it may hear of more, the process may go on."""
        for follower in process.followers:
            if follower.client is client and follower.number == number:
                follower.seen = max(follower.seen, offset)
                follower.waiting = False
        self._tell(process)
        self._resume(process)

    def unfollow(self, process: Process, client: Client, number: int | None = None) -> None:
        """Let go of one of a client's followers, or of them all."""
        process.followers = tuple(
            follower
            for follower in process.followers
            if follower.client is not client or number not in (None, follower.number)
        )
        self._resume(process)

    def forget_client(self, client: Client, processes: Iterable[Process]) -> None:
        """Let go of everything that a client followed."""
        for process in processes:
            if process.followers:
                self.unfollow(process, client)

    def retry(self) -> None:
        """Try again to write logs that could not be written."""
        stuck, self._stuck = self._stuck, []
        for process in stuck:
            try:
                process.log.flush()
            except OSError:
                self._stuck.append(process)
                self._retry.after(_RETRY)
                continue
            self._tell(process)
            self._resume(process)

    def _take(self, process: Process, fd: int) -> int:
        """Move one budget from an output into the log; how much it was, 0 for nothing more now."""
        stream = STDOUT if fd == process.out else STDERR
        try:
            if process.terminal:
                count = process.log.take(fd, stream, BUDGET)
            else:
                count = process.log.take_pipe(fd, stream, BUDGET)
        except BlockingIOError:
            return 0
        except OSError as error:
            # A terminal's last user has left: read(2) says EIO where a pipe would say end of file.
            if not (process.terminal and error.errno == errno.EIO):
                self._stick(process, error)
                return 0
            count = 0
        if not count:
            self._close(process, fd)
        elif count == _PIPE and not process.terminal:
            _widen(fd)
        return count

    def _close(self, process: Process, fd: int) -> None:
        self._loop.forget(fd)
        os.close(fd)
        if fd == process.out:
            process.out = -1
        else:
            process.err = -1
        if process.ended:
            process.log.finish()

    def _tell(self, process: Process) -> None:
        end = process.log.end
        for follower in process.followers:
            if not follower.waiting and end > follower.seen:
                follower.waiting = True
                event = {"event": "grown", "follower": follower.number, "end": end}
                follower.client.send(event)

    def _pause(self, process: Process) -> None:
        for fd, _ in process.outputs():
            self._loop.forget(fd)
        process.paused = True

    def _resume(self, process: Process) -> None:
        if process.paused and _may_write(process):
            process.paused = False
            self.begin(process)

    def _stick(self, process: Process, error: OSError) -> None:
        """The log cannot be written, the disk may be full: the process waits until it can."""
        sys.stderr.write(f"log of {process.id} cannot be written, will retry: {error}\n")
        self._pause(process)
        self._stuck.append(process)
        self._retry.after(_RETRY)


def _may_write(process: Process) -> bool:
    """Whether one more byte would push nothing out of the log that a follower has not read."""
    if not process.followers:
        return True
    dropped = process.log.dropped_by_writing()
    return all(follower.seen >= dropped for follower in process.followers)


def _widen(pipe: int) -> None:
    """Give a busy process a larger pipe: fewer rounds for the same bytes."""
    try:
        fcntl(pipe, F_SETPIPE_SZ, BUDGET)
    except OSError:
        pass  # over the user's limit for pipes: it works as it is
