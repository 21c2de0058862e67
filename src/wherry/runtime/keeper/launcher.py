"""The launcher as the keeper sees it: a child that forks containers, replaced when it dies.

What the launcher makes are children of the keeper (CLONE_PARENT), so its death costs only the
launches that it had not yet answered. A child of such a launch may exist all the same; it is found
and killed (`kill_strays`), and what has come as far as execve is in its container's cgroup, where
the engine finds it when it cleans up after the failure.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from _signal import SIGCHLD, SIGKILL, SIGPIPE, SIGXFSZ, pidfd_send_signal
from _socket import AF_UNIX, SOCK_CLOEXEC, SOCK_SEQPACKET, socket, socketpair
from select import EPOLLIN, EPOLLOUT

from wherry.kernel.process import wait_pidfd
from wherry.runtime.protocol import close_all, encode, failure, receive_sane, send_encoded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wherry.runtime.keeper.launch import Launch
    from wherry.runtime.keeper.loop import Loop
    from wherry.runtime.protocol import Message

_STAGE = "stage"  # below the exec root: where roots are mounted in the launcher's own namespace
SOCKET_FD = 3  # where the launcher finds its socket
_HASTE = 1.0  # seconds: a launcher that dies younger than that, without an answer, ...
_ATTEMPTS = 3  # ... this often in a row, is not replaced before it is needed


def command(exec_root: str, kept: Sequence[str]) -> list[str]:
    """How to execute the launcher that belongs to this keeper.

    `kept` are the paths whose mounts it must see (see `wherry.runtime.launcher`).
    """
    return [*program("wherry.runtime.launcher"), f"{exec_root}/{_STAGE}", *kept]


def program(module: str) -> list[str]:
    """How to execute `main` of one of our modules in a bare interpreter."""
    source = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(__file__))))
    code = f"import sys; sys.path.append({source!r}); from {module} import main; main()"
    return [sys.executable, "-IS", "-c", code]


class Launcher:
    """Sends launches, takes answers, starts the process and starts it again."""

    def __init__(
        self, loop: Loop, argv: Sequence[str], died: Callable[[tuple[int, int]], None]
    ) -> None:
        self._loop = loop
        self._argv = list(argv)
        self._on_death = died  # called with what it executed, before anything is made again
        self._executable = (0, 0)
        self._sock: socket | None = None
        self._pidfd = -1
        self.pid = 0
        self._born = 0.0
        self._early_deaths = 0
        self._next = 0
        self._awaited: dict[int, Launch] = {}
        self._queue: list[tuple[int, bytes, list[int]]] = []

    def spawn(self) -> None:
        """Start the process. Raises OSError."""
        ours, theirs = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)
        ours.setblocking(False)
        try:
            self.pid = spawn(self._argv, theirs.fileno())
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        program = os.stat(self._argv[0])
        self._executable = program.st_dev, program.st_ino
        self._pidfd = os.pidfd_open(self.pid)
        self._sock, self._born = ours, time.monotonic()
        self._loop.watch(ours.fileno(), self)
        self._loop.watch(self._pidfd, self)

    @property
    def busy(self) -> bool:
        """Whether answers are awaited: then children may exist whose pids are not known yet."""
        return bool(self._awaited or self._queue)

    def launch(self, launch: Launch, request: Message, plan_fds: list[int]) -> None:
        """Have a child made; `launch` hears of it. The descriptors become the launcher's."""
        if self._sock is None and not self._revive(launch):
            close_all(plan_fds)
            return
        self._next += 1
        message, fds = launch.message(request, plan_fds)
        message["seq"] = self._next
        self._awaited[self._next] = launch
        owned = [*plan_fds]
        payload = encode(message)
        if self._queue or not self._try(payload, fds):
            self._queue.append((self._next, payload, [os.dup(fd) for fd in fds]))
            self._watch(EPOLLIN | EPOLLOUT)
        launch.sent()
        close_all(owned)

    def ready(self, fd: int, events: int) -> None:
        """See `loop.Watched`."""
        if fd == self._pidfd:
            self._receive()  # what it answered before it died
            self._died()
            return
        if events & EPOLLOUT:
            self._flush()
        if events & ~EPOLLOUT:
            self._receive()

    def end(self) -> None:
        """Kill it for good (the keeper ends)."""
        if self._sock is None:
            return
        self._kill()
        wait_pidfd(self._pidfd)
        self._bury()

    def _revive(self, launch: Launch) -> bool:
        try:
            self.spawn()
        except OSError as error:
            launch.refused(failure("launcher", error.errno or 0, "cannot be started"))
            return False
        return True

    def _try(self, payload: bytes, fds: Sequence[int]) -> bool:
        """Send one request; False when it has to wait. A dead launcher is found by its pidfd."""
        assert self._sock is not None
        try:
            send_encoded(self._sock, payload, fds)
        except BlockingIOError:
            return False
        except OSError:
            pass
        return True

    def _flush(self) -> None:
        while self._queue:
            _, payload, fds = self._queue[0]
            if not self._try(payload, fds):
                return
            close_all(fds)
            del self._queue[0]
        self._watch(EPOLLIN)

    def _watch(self, events: int) -> None:
        if self._sock is not None:
            self._loop.watch(self._sock.fileno(), self, events)

    def _receive(self) -> None:
        while self._sock is not None:
            try:
                received = receive_sane(self._sock)
            except BlockingIOError:
                return
            if received is None:
                self._loop.forget(self._sock.fileno())
                self._kill()  # a launcher that hung up is of no use; its pidfd brings us on
                return
            self._answered(*received)

    def _answered(self, message: Message, fds: list[int]) -> None:
        launch = self._awaited.pop(message.get("re", 0), None)
        self._early_deaths = 0
        if launch is None:
            close_all(fds)
        elif "error" in message:
            close_all(fds)
            launch.refused(message["error"])
        else:
            launch.cloned(message["pid"], fds)

    def _kill(self) -> None:
        try:
            pidfd_send_signal(self._pidfd, SIGKILL)
        except ProcessLookupError:
            pass

    def _died(self) -> None:
        status = wait_pidfd(self._pidfd, nohang=True)
        if status is None:
            return
        how = f"signal {status & 0x7F}" if status & 0x7F else f"exit code {status >> 8}"
        sys.stderr.write(f"the launcher ended ({how}) with {len(self._awaited)} launches open\n")
        young = time.monotonic() - self._born < _HASTE
        self._early_deaths = self._early_deaths + 1 if young else 0
        self._bury()
        if self._awaited:
            self._on_death(self._executable)
        if self._early_deaths < _ATTEMPTS:
            self._replace()
        self._fail_open(how)

    def _bury(self) -> None:
        self._loop.forget(self._pidfd)
        os.close(self._pidfd)
        assert self._sock is not None
        self._loop.forget(self._sock.fileno())
        self._sock.close()
        self._sock, self._pidfd, self.pid = None, -1, 0

    def _replace(self) -> None:
        try:
            self.spawn()
        except OSError as error:
            sys.stderr.write(f"the launcher cannot be started: {error}\n")
            return
        self._flush()  # what the old one was never sent

    def _fail_open(self, how: str) -> None:
        queued = {number for number, _, _ in self._queue} if self._sock else set()
        failed = [number for number in self._awaited if number not in queued]
        if self._sock is None:
            for _, _, fds in self._queue:
                close_all(fds)
            self._queue.clear()
        error = failure("launcher", errno.ECHILD, f"the launcher ended ({how}); try again")
        for number in failed:
            self._awaited.pop(number).refused(error)


def spawn(argv: list[str], sock: int) -> int:
    """Execute a launcher with `sock` as its SOCKET_FD and nothing else open but 0 to 2.

    With Python's and our own signal dispositions set back: ignored signals would be inherited
    right into the containers.
    """
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    actions = [
        (os.POSIX_SPAWN_DUP2, null, 0),
        (os.POSIX_SPAWN_DUP2, null, 1),
        (os.POSIX_SPAWN_DUP2, sock, SOCKET_FD),
    ]
    try:
        return os.posix_spawn(
            argv[0],
            argv,
            {"PATH": os.defpath},
            file_actions=actions,
            setsigdef=[SIGPIPE, SIGXFSZ, SIGCHLD],
            setsigmask=[],
        )
    finally:
        os.close(null)
