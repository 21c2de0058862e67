"""Launches by other runtimes: one process of `wherry.runtime.foreign.main` for each.

What the runtime leaves behind becomes the keeper's child, because the keeper is the subreaper above
it; until its pid is told, nobody may reap children that are not known (`OneShots.busy`).
Imported when the first container of another runtime starts.
"""

from __future__ import annotations

import errno
import os
from _signal import SIGKILL
from _socket import AF_UNIX, SOCK_CLOEXEC, SOCK_SEQPACKET, socketpair

from wherry.kernel.process import pidfd_open, pidfd_send_signal, wait_pidfd
from wherry.runtime.keeper.launcher import program, spawn
from wherry.runtime.protocol import close_all, encode, failure, receive_sane, send_encoded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.runtime.keeper.launch import Launch
    from wherry.runtime.keeper.loop import Loop
    from wherry.runtime.protocol import Message

_MODULE = "wherry.runtime.foreign.main"


class OneShots:
    """The one-shot launchers that are at work."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._working: list[OneShot] = []
        self._waiting: list[Callable[[], None]] = []

    @property
    def busy(self) -> bool:
        """Whether there may be children whose pids are not known yet."""
        return bool(self._working)

    @property
    def pids(self) -> list[int]:
        """Their own pids."""
        return [each.pid for each in self._working]

    def launch(self, launch: Launch, request: Message, plan_fds: list[int]) -> None:
        """Have a process made; `launch` hears of it. The descriptors are closed."""
        message, fds = launch.message(request, plan_fds)
        try:
            payload = encode({**message, "seq": 1})
            self._working.append(OneShot(self._loop, launch, self._done, payload, fds))
        except OSError as error:
            launch.refused(failure("launcher", error.errno or 0, "cannot be started"))
        finally:
            launch.sent()
            close_all(plan_fds)

    def when_idle(self, action: Callable[[], None]) -> None:
        """Do it once every launch that is under way has come to its end, now if none is."""
        if self.busy:
            self._waiting.append(action)
        else:
            action()

    def end(self) -> None:
        """Kill them (the keeper ends)."""
        for each in self._working:
            each.kill()

    def _done(self, one: OneShot) -> None:
        self._working.remove(one)
        if self._working:
            return
        waiting, self._waiting = self._waiting, []
        for action in waiting:
            action()


class OneShot:
    """One of them: its socket and its pidfd are watched until it has ended."""

    def __init__(
        self,
        loop: Loop,
        launch: Launch,
        done: Callable[[OneShot], None],
        payload: bytes,
        fds: list[int],
    ) -> None:
        """Start it and send it the encoded request. Raises OSError."""
        self._loop = loop
        self._launch = launch
        self._done = done
        self._answered = False
        self._sock, theirs = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)
        try:
            send_encoded(self._sock, payload, fds)
            self.pid = spawn(program(_MODULE), theirs.fileno())
        except OSError:
            self._sock.close()
            raise
        finally:
            theirs.close()
        self._sock.setblocking(False)
        self._pidfd = pidfd_open(self.pid)
        loop.watch(self._sock.fileno(), self)
        loop.watch(self._pidfd, self)

    def ready(self, fd: int, events: int) -> None:
        """See `loop.Watched`."""
        self._receive()
        if fd == self._pidfd:
            self._reap()

    def kill(self) -> None:
        """End it and wait for that."""
        pidfd_send_signal(self._pidfd, SIGKILL)
        wait_pidfd(self._pidfd)

    def _receive(self) -> None:
        if self._sock.fileno() < 0:
            return
        try:
            received = receive_sane(self._sock)
        except BlockingIOError:
            return
        self._loop.forget(self._sock.fileno())  # one answer, or none: the pidfd brings us on
        self._sock.close()
        if received is None:
            return
        message, fds = received
        self._answered = True
        if "error" in message:
            close_all(fds)
            self._launch.refused(message["error"])
        else:
            self._launch.cloned(message["pid"], fds)

    def _reap(self) -> None:
        status = wait_pidfd(self._pidfd, nohang=True)
        if status is None:
            return
        self._loop.forget(self._pidfd)
        os.close(self._pidfd)
        if not self._answered:
            how = f"signal {status & 0x7F}" if status & 0x7F else f"exit code {status >> 8}"
            text = f"the one-shot launcher ended ({how}); try again"
            self._launch.refused(failure("launcher", errno.ECHILD, text))
        self._done(self)
