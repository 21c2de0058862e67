"""One launch on its way: from the request to the launcher until execve has happened, or failed.

Two things are awaited, in any order: the launcher's answer with the child's pidfd, and the end of
the child's status socket, which execve closes. The table `_NEXT` says what follows what.
"""

from __future__ import annotations

import errno
import os
from _signal import SIGKILL, pidfd_send_signal
from _socket import AF_UNIX, SOCK_CLOEXEC, SOCK_SEQPACKET, socketpair

from wherry.kernel.process import wait_pidfd
from wherry.runtime.protocol import close_all, failure, receive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.runtime.keeper.loop import Loop
    from wherry.runtime.keeper.process import Process
    from wherry.runtime.protocol import Message

SENT, CLONED, EXECUTED, RUNNING, FAILING, FAILED = (
    "sent", "cloned", "executed", "running", "failing", "failed",
)  # fmt: skip

_NEXT = {
    (SENT, "cloned"): CLONED,
    (SENT, "executed"): EXECUTED,  # or the launcher could not clone: its answer will tell
    (SENT, "failed"): FAILING,  # the child's word of its failure overtook the launcher's answer
    (SENT, "refused"): FAILED,
    (CLONED, "executed"): RUNNING,
    (CLONED, "failed"): FAILED,
    (EXECUTED, "cloned"): RUNNING,
    (EXECUTED, "refused"): FAILED,
    (FAILING, "cloned"): FAILED,
    (FAILING, "refused"): FAILED,
}

_PF_FORKNOEXEC = 0x40  # linux/sched.h: forked, and has not called execve since


class Launch:
    """Owns the descriptors that the child is to get, and its status socket."""

    def __init__(
        self,
        process: Process,
        loop: Loop,
        done: Callable[[Launch, Message | None], None],
        pty: Callable[[Process, int], None],
    ) -> None:
        self.process = process
        self.vouched = False  # whoever answers has seen to it that the program runs
        self.state = SENT
        self.error: Message | None = None
        self._loop = loop
        self._done = done
        self._pty = pty
        self._status, self._child_status = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)
        self._status.setblocking(False)
        self._for_child: list[int] = []

    def prepare(self, terminal: bool, stdin: bool) -> None:
        """Make the pipes and begin to listen for the child's word. Raises OSError."""
        process = self.process
        process.terminal = terminal
        self._for_child = [-1, -1, -1]
        if stdin and not terminal:
            self._for_child[0], process.stdin = os.pipe2(os.O_CLOEXEC)
        if not terminal:
            process.out, self._for_child[1] = os.pipe2(os.O_CLOEXEC)
            process.err, self._for_child[2] = os.pipe2(os.O_CLOEXEC)
            os.set_blocking(process.out, False)
            os.set_blocking(process.err, False)
        self._loop.watch(self._status.fileno(), self)

    def message(self, request: Message, plan_fds: list[int]) -> tuple[Message, list[int]]:
        """What to send to the launcher for `request`."""
        fds = [*plan_fds, self._child_status.fileno()]
        stdio = []
        for fd in self._for_child:
            stdio.append(len(fds) if fd >= 0 else -1)
            if fd >= 0:
                fds.append(fd)
        message = {
            "op": "join" if self.process.container else "launch",
            "plan": request["plan"],
            "status": len(plan_fds),
            "stdio": stdio,
            "terminal": self.process.terminal,
        }
        return message, fds

    def sent(self) -> None:
        """The launcher has its duplicates: close ours, so that the ends of files are seen."""
        close_all(self._for_child)
        self._for_child = []
        self._child_status.close()

    def cloned(self, pid: int, fds: list[int]) -> None:
        """The launcher's good answer: the child's pid, its pidfd and perhaps its root's mount."""
        process = self.process
        process.pid, process.pidfd = pid, fds[0]
        if len(fds) > 1:
            process.rootfs = fds[1]
        self._step("cloned")

    def refused(self, error: Message) -> None:
        """The launcher's bad answer, or its end."""
        self.error = self.error or error
        self._step("refused")

    def ready(self, fd: int, events: int) -> None:
        """Word from the child on its status socket, or the end of it, or of the child."""
        if fd == self.process.pidfd:
            self._reap()
        else:
            self._hear()

    def _hear(self) -> None:
        try:
            received = receive(self._status)
        except BlockingIOError:
            return
        except ConnectionResetError:
            received = None
        if received is None:
            self._close_status()
            if self.state in (SENT, CLONED):
                self._step("executed")
            return
        message, fds = received
        if message.get("pty") and fds:
            self._pty(self.process, fds[0])
        else:
            close_all(fds)
        if "error" in message:
            self.error = self.error or message["error"]
            self._close_status()
            self._step("failed")

    def close(self) -> None:
        """Close what is still ours. Idempotent."""
        self.sent()
        self._close_status()

    def _close_status(self) -> None:
        if self._status.fileno() >= 0:
            self._loop.forget(self._status.fileno())
            self._status.close()

    def _step(self, event: str) -> None:
        self.state = _NEXT[self.state, event]
        if self.state == RUNNING and not self.vouched and _never_executed(self.process):
            self.state = FAILED
        if self.state == RUNNING:
            self.close()
            self._done(self, None)
        elif self.state == FAILED:
            self.close()
            self._bury()

    def _bury(self) -> None:
        """End a child that failed, and say so once nothing of it is left."""
        pidfd = self.process.pidfd
        if pidfd < 0:
            self._done(self, self.error)
            return
        try:
            pidfd_send_signal(pidfd, SIGKILL)
        except ProcessLookupError:
            pass
        self._loop.watch(pidfd, self)  # not waited for: a hung file system may hold it

    def _reap(self) -> None:
        pidfd = self.process.pidfd
        status = wait_pidfd(pidfd, nohang=True)
        if status is None:
            return
        self._loop.forget(pidfd)
        how = f"signal {status & 0x7F}" if status & 0x7F else f"exit code {status >> 8}"
        text = f"the process died before it was executed ({how})"
        self._done(self, self.error or failure("start", errno.ECHILD, text))


def _never_executed(process: Process) -> bool:
    """Whether the status socket was closed by the child's death instead of execve.

    The kernel takes the flag away before it closes what is close-on-exec (fs/exec.c,
    begin_new_exec), so there is no moment in between.
    """
    return bool(_flags(process.pid) & _PF_FORKNOEXEC)


def _flags(pid: int) -> int:
    """Field 9 of /proc/<pid>/stat, proc(5); 0 when there is none."""
    try:
        fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    try:
        behind_name = os.read(fd, 4096).rpartition(b") ")[2].split()
    finally:
        os.close(fd)
    return int(behind_name[6])
