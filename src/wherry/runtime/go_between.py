"""Children born in an existing user namespace.

Nobody returns from a user namespace to the one above it, so we cannot go there ourselves. A process
in between enters everything that is to be joined, the user namespace last (from outside it has the
rights to all the others), and makes the child there: the namespaces that are new then belong to the
joined one. CLONE_PARENT makes the child a sibling of the process in between, which leaves at once.
Source: user_namespaces(7), setns(2).
"""

from __future__ import annotations

import _socket
import marshal
import os
import struct

from wherry.kernel.namespace import CLONE_NEWUSER, setns
from wherry.kernel.process import CLONE_PARENT, clone3, set_dumpable, wait_pidfd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn

_ANSWER = 1024
_ECHILD = 10


def clone_inside(
    entered: Sequence[tuple[int, int]],
    clone_flags: int,
    flags: int,
    into: int,
    be_child: Callable[[], NoReturn],
) -> tuple[int, int]:
    """(pid, pidfd) of a child with `clone_flags`, born in the namespaces `entered`.

    `flags` are CLONE_PARENT or 0, `into` is a cgroup v2 directory or -1, `be_child` is what the
    child does. With CLONE_PARENT the one in between is left for our parent to reap. Raises OSError.
    """
    ours, its = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    try:
        pid, pidfd = clone3(flags)
        if pid == 0:
            ours.close()
            _go_between(its, entered, clone_flags, into, be_child)
        its.close()
        return _answer(ours)
    finally:
        ours.close()
        its.close()
        if not flags & CLONE_PARENT:
            wait_pidfd(pidfd)
        os.close(pidfd)


def _go_between(
    socket: _socket.socket,
    entered: Sequence[tuple[int, int]],
    clone_flags: int,
    into: int,
    be_child: Callable[[], NoReturn],
) -> NoReturn:
    set_dumpable(False)
    try:
        for flag, fd in sorted(entered, key=lambda row: row[0] == CLONE_NEWUSER):
            setns(fd, flag)
        pid, pidfd = clone3(clone_flags | CLONE_PARENT, cgroup_fd=into)
        if pid == 0:
            socket.close()
            be_child()
        rights = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, struct.pack("=i", pidfd))]
        socket.sendmsg([marshal.dumps((pid, 0, ""))], rights)
    except OSError as error:
        socket.send(marshal.dumps((0, error.errno or 0, error.strerror or "")))
    finally:
        os._exit(0)


def _answer(socket: _socket.socket) -> tuple[int, int]:
    answer, rights, *_ = socket.recvmsg(_ANSWER, _socket.CMSG_SPACE(4), _socket.MSG_CMSG_CLOEXEC)
    if not answer:
        raise OSError(_ECHILD, "clone3: the process in between was killed")
    pid, errno, text = marshal.loads(answer)
    if not pid:
        raise OSError(errno, text)
    return pid, struct.unpack("=i", rights[0][2])[0]
