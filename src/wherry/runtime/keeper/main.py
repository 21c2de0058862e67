"""The keeper: the small process that owns and outlives containers.

One thread, one epoll loop, the standard library's cheap modules only. It is the parent of every
container (the launcher clones with CLONE_PARENT), holds their pipes, terminals and pidfds, writes
their output to their logs and their exit to a record, and tells clients, for whom it never waits.
All that it knows is one table (`process.Process`), so that it can be handed on.

Arguments: the exec root; a descriptor that gets one byte when the keeper listens, or -1; the paths
whose mounts the launcher must see (the data root). Behind `--` may stand the words of a command to
be executed instead of the launcher that belongs to the keeper (tests).
It ends when told to, or when it has had neither a client nor anything running for a while.
"""

from __future__ import annotations

import fcntl
import gc
import os
import resource
import sys

from wherry.kernel.process import set_child_subreaper
from wherry.runtime.keeper.chores import Chore, run_due, timeout
from wherry.runtime.keeper.clients import Clients, listen
from wherry.runtime.keeper.exits import Exits
from wherry.runtime.keeper.launcher import Launcher, command
from wherry.runtime.keeper.loop import Loop
from wherry.runtime.keeper.orphans import kill_strays, reap
from wherry.runtime.keeper.requests import Requests
from wherry.runtime.keeper.signals import Signals
from wherry.runtime.keeper.streams import Streams
from wherry.runtime.protocol import PID_NAME, SOCKET_NAME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.runtime.keeper.process import Process

IDLE = 60.0  # seconds
UNCLAIMED = 600.0  # seconds that exits are kept in memory for a client; records stay on disk
REAP = 1.0  # seconds that an orphan of a container may stay a zombie


class Keeper:
    """The parts wired together."""

    def __init__(self, exec_root: str, launcher: Sequence[str]) -> None:
        self.loop = Loop()
        self._idle, self._retry, self._reap = Chore(), Chore(), Chore()
        self._chores = (self._idle, self._retry, self._reap)
        self._leaving = False
        self._socket_path = f"{exec_root}/{SOCKET_NAME}"
        self.clients = Clients(self.loop, listen(self._socket_path))
        self.streams = Streams(self.loop, self.clients, self._retry)
        self.exits = Exits(self.loop, self.clients, self.streams, exec_root)
        self.launcher = Launcher(self.loop, launcher, self._launcher_died)
        self.requests = Requests(
            exec_root, self.loop, self.clients, self.launcher, self.streams, self.exits, self
        )
        self._idle.does(self.loop.stop)
        self._retry.does(self.streams.retry)
        self._reap.does(self._reap_orphans)
        self.signals = Signals(lambda: self._reap.after(REAP), self._leave_when_empty)
        self.loop.watch(self.signals.fileno(), self.signals)
        self.clients.serve(self.requests.handle, self.requests.client_gone)

    def exited(self, process: Process) -> None:
        """See `process.Reactions`."""
        self.exits.exited(process)

    def readable(self, process: Process, fd: int) -> None:
        """See `process.Reactions`."""
        self.streams.readable(process, fd)

    def run(self) -> None:
        """Serve until told to stop, or idle."""
        self.launcher.spawn()
        self._note_idleness()
        while not self.loop.stopped:
            self.loop.round(timeout(self._chores))
            run_due(self._chores)
            self._note_idleness()
        self.launcher.end()
        if self.requests.one_shots is not None:
            self.requests.one_shots.end()
        for process in self.requests.processes.values():  # all ended; their exit records stay
            process.close()
        _remove_file(self._socket_path)

    def _note_idleness(self) -> None:
        processes = self.requests.processes
        done = all(row.status is not None and row.ended for row in processes.values())
        if len(self.clients) or not done:
            self._idle.cancel()
        elif self._leaving:
            self.loop.stop()
        elif self._idle.due is None:
            self._idle.after(UNCLAIMED if processes else IDLE)

    def _leave_when_empty(self) -> None:
        """Whoever sends SIGTERM wants the keeper gone, but surely not its containers lost."""
        self._leaving = True

    def _known_children(self) -> list[int]:
        others = self.requests.one_shots
        return [
            self.launcher.pid,
            *(others.pids if others is not None else ()),
            *(process.pid for process in self.requests.processes.values()),
        ]

    def _launcher_died(self, executable: tuple[int, int]) -> None:
        kill_strays(self._known_children(), executable)

    def _reap_orphans(self) -> None:
        others = self.requests.one_shots
        if self.launcher.busy or (others is not None and others.busy):
            self._reap.after(REAP)  # a child that is not known yet may be one of ours
        else:
            reap(self._known_children())


def main() -> None:
    """Entry point of the process; see the module's text for the arguments."""
    exec_root, ready, *rest = sys.argv[1:]
    kept, launcher = _split(rest)
    os.makedirs(exec_root, 0o711, exist_ok=True)
    lock = _lock(f"{exec_root}/{PID_NAME}")
    if lock < 0:
        return  # another keeper serves this root: whoever started us will find it
    set_child_subreaper()
    _raise_file_limit()
    keeper = Keeper(exec_root, launcher or command(exec_root, kept))
    if int(ready) >= 0:
        os.write(int(ready), b"\n")
        os.close(int(ready))
    gc.freeze()
    keeper.run()
    _remove_directories(exec_root)
    _remove_file(f"{exec_root}/{PID_NAME}")


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    if "--" not in words:
        return words, []
    at = words.index("--")
    return words[:at], words[at + 1 :]


def _lock(path: str) -> int:
    """Hold the keeper's lock of this exec root as long as we live; -1 when another one does."""
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.stat(path).st_ino == os.fstat(fd).st_ino:
                break
        except BlockingIOError:
            os.close(fd)
            return -1
        except FileNotFoundError:
            pass  # the one before us has just left and taken its file along
        os.close(fd)
    os.ftruncate(fd, 0)
    os.pwrite(fd, b"%d\n" % os.getpid(), 0)
    return fd


def _remove_file(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass  # somebody has removed the whole exec root


def _remove_directories(exec_root: str) -> None:
    """Take along what was made on the way, where nothing of others is in it."""
    for name in ("stage", "containers"):
        try:
            os.rmdir(f"{exec_root}/{name}")
        except OSError:
            pass


def _raise_file_limit() -> None:
    """Some six descriptors for each container: the soft limit of 1024 is soon reached."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
