"""Packets with descriptors over AF_UNIX SOCK_SEQPACKET (unix(7), SCM_RIGHTS)."""

from __future__ import annotations

import _socket
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

SOCK_SEQPACKET = 5
MAX_FDS = 253  # SCM_MAX_FD
_PACKET = 256 * 1024
_MSG_CMSG_CLOEXEC = 0x40000000
_MSG_NOSIGNAL = 0x4000
_SOCK_CLOEXEC = 0o2000000
_INT = struct.Struct("=i")


def pair() -> tuple[_socket.socket, _socket.socket]:
    """Two connected, close-on-exec packet sockets."""
    return _socket.socketpair(_socket.AF_UNIX, SOCK_SEQPACKET | _SOCK_CLOEXEC)


def from_fd(fd: int) -> _socket.socket:
    """The packet socket behind an inherited descriptor, which the result owns."""
    return _socket.socket(_socket.AF_UNIX, SOCK_SEQPACKET, 0, fd)


def send(socket: _socket.socket, payload: bytes, fds: Sequence[int] = ()) -> None:
    """Send one packet with up to 253 descriptors; the caller keeps its own copies open.

    Raises BlockingIOError on a full non-blocking socket, OSError(EMSGSIZE) for what the send
    buffer cannot hold, BrokenPipeError where the other side is gone.
    """
    ancillary = []
    if fds:
        packed = struct.pack(f"={len(fds)}i", *fds)
        ancillary = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, packed)]
    socket.sendmsg([payload], ancillary, _MSG_NOSIGNAL)


def receive(socket: _socket.socket) -> tuple[bytes, list[int]]:
    """Receive one packet and its descriptors (close-on-exec, owned by the caller).

    b"" means that the other side closed. Raises BlockingIOError on an empty non-blocking socket.
    """
    space = _socket.CMSG_SPACE(MAX_FDS * _INT.size)
    payload, ancillary, _, _ = socket.recvmsg(_PACKET, space, _MSG_CMSG_CLOEXEC)
    fds: list[int] = []
    for level, kind, data in ancillary:
        if level == _socket.SOL_SOCKET and kind == _socket.SCM_RIGHTS:
            whole = len(data) - len(data) % _INT.size
            fds.extend(fd for (fd,) in _INT.iter_unpack(data[:whole]))
    return payload, fds
