"""Standard streams and the terminal."""

from __future__ import annotations

import _socket
import marshal
import os
import stat
import struct

from wherry.kernel import mount, pty
from wherry.kernel.devices import STANDARD, is_node
from wherry.kernel.fd import dup_to
from wherry.runtime.steps.directory import ensure_file, open_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.runtime.start import Child

_INLINE = b"\0"  # protocol.py, the framing of status messages
_NULL = STANDARD[0]
_CANNOT_CHOWN = (1, 22, 30)  # EPERM, EINVAL (no such id here), EROFS


def terminal(child: Child, console: bool, size: tuple[int, int] | None) -> None:
    """Make a terminal of the container's own devpts and send its master to the keeper.

    With `console` it is also /dev/console. `size` is (rows, columns), set here so that the program
    never sees another.
    """
    master, child.slave, number = pty.open_pty()
    if size is not None:
        pty.set_winsize(master, *size)
    _send_master(child.status, master)
    os.close(master)
    if console:
        where = ensure_file("/dev/console")
        fd = mount.clone_tree(f"/dev/pts/{number}")
        mount.attach(fd, where, "/dev/console")
        os.close(fd)
        os.close(where)


def _send_master(status: int, master: int) -> None:
    """{pty: True} with the descriptor, as protocol.py frames it."""
    socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET, 0, status)
    rights = struct.pack("=i", master)
    try:
        socket.sendmsg(
            [_INLINE, marshal.dumps({"pty": True}, 2)],
            [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, rights)],
        )
    finally:
        socket.detach()


def stdio(child: Child, has_terminal: bool) -> None:
    """Start a session and put the streams where programs expect them, owned by the user.

    The owner matters where a program opens /dev/stdout anew.
    """
    os.setsid()
    if has_terminal:
        pty.take_as_controlling(child.slave)
    uid = child.ids[0]
    null = -1
    for number, given in enumerate(child.stdio):
        fd = given
        if fd < 0 and has_terminal:
            fd = child.slave
        elif fd < 0:
            null = fd = null if null >= 0 else _open_null()
        if fd < 0:
            continue
        _give(fd, uid)
        dup_to(fd, number)


def _give(fd: int, uid: int) -> None:
    facts = os.fstat(fd)
    if facts.st_uid == uid or is_node(facts, _NULL):
        return
    try:
        os.fchown(fd, uid, -1)
    except OSError as error:
        if error.errno not in _CANNOT_CHOWN:
            raise


def _open_null() -> int:
    """The container's own /dev/null, after a look that it is one; -1 where there is none."""
    try:
        path = open_path(_NULL[0])
    except FileNotFoundError:
        return -1
    facts = os.fstat(path)
    os.close(path)
    if not stat.S_ISCHR(facts.st_mode) or not is_node(facts, _NULL):
        return -1
    return os.open(_NULL[0], os.O_RDWR | os.O_CLOEXEC)
