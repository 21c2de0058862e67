"""Halts that only an OCI command line needs: between create and start, and around hooks."""

from __future__ import annotations

import _socket
import marshal
import os
import select

from wherry.kernel.process import clone3, pidfd_send_signal, wait_pidfd
from wherry.runtime.failure import Failure, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.runtime.start import Child

_INLINE = b"\0"  # protocol.py, the framing of status messages
_EIO = 5
_ETIMEDOUT = 110
_SIGKILL = 9
_OUTPUT = 4096


def wait_for_start(child: Child, source: tuple[str, int]) -> None:
    """Wait until someone writes to a fifo, whose reading end travels with the plan.

    A reading end opened before without blocking hears nothing, not even a hang-up, until the
    first writer comes; so nothing has to be opened inside the container.
    """
    fd = child.fds[source[1]]
    os.set_blocking(fd, True)
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    while not poll.poll():
        pass
    if not os.read(fd, 1):
        raise Failure(_EIO, "the start fifo was closed without a word")
    os.close(fd)


def tell(child: Child, word: str, wait: bool) -> None:
    """Tell the runtime that this point is reached, {word: True}; with `wait`, await its answer.

    The answer is any packet; the end of the channel means that the runtime gave up.
    """
    socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET, 0, child.status)
    try:
        socket.send(_INLINE + marshal.dumps({word: True}, 2))
        if wait and not socket.recv(_OUTPUT):
            raise Failure(_EIO, f"the runtime gave up at {word!r}")
    finally:
        socket.detach()


def hook(
    _: Child, kind: str, path: str, args: list[str], env: list[str], timeout: int, state: str
) -> None:
    """Run an OCI hook inside the container, with the state (JSON) as its standard input.

    A plan cannot know the pid: `"pid":0` in the state becomes what the /proc of this moment says.
    `timeout` in seconds, 0 for none. Raises Failure where it cannot be run or fails.
    """
    ours, its = os.pipe2(os.O_CLOEXEC)
    pid, pidfd = clone3(0, exit_signal=17)
    if pid == 0:
        _become_hook(ours, path, args, env)
    os.close(ours)
    try:
        os.write(its, state.replace('"pid":0', f'"pid":{_own_pid()}').encode())
    except BrokenPipeError:
        pass
    os.close(its)
    status = _wait(pidfd, timeout)
    os.close(pidfd)
    if status is None:
        raise Failure(_ETIMEDOUT, f"{kind} hook {path} did not end within {timeout} s")
    if status:
        code = os.waitstatus_to_exitcode(status)
        raise Failure(_EIO, f"{kind} hook {path} failed with exit status {code}")


def _own_pid() -> int:
    """Our pid in the pid namespace of the mounted /proc; 0 where none is mounted."""
    try:
        return int(os.readlink("/proc/self"))
    except OSError:
        return 0


def _become_hook(stdin: int, path: str, args: list[str], env: list[str]) -> None:
    try:
        os.dup2(stdin, 0)
        pairs = dict(word.partition("=")[::2] for word in env)
        os.execve(path, args or [path], pairs)
    except OSError as error:
        os.write(2, f"{path}: {reason(error.errno or 0)}\n".encode())
    os._exit(127)


def _wait(pidfd: int, timeout: int) -> int | None:
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    if not poll.poll(timeout * 1000 if timeout else None):
        pidfd_send_signal(pidfd, _SIGKILL)
        wait_pidfd(pidfd)
        return None
    return wait_pidfd(pidfd)
