"""The one thing that a network namespace without any network needs: its loopback, up."""

from __future__ import annotations

import _socket
import fcntl
import struct

_SIOCGIFFLAGS = 0x8913
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 0x1
_IFREQ = struct.Struct("=16sh22x")


def bring_up(interface: str) -> None:
    """Set an interface of this network namespace up (netdevice(7)); its addresses come with it."""
    socket = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
    try:
        request = _IFREQ.pack(interface.encode(), 0)
        name, flags = _IFREQ.unpack(fcntl.ioctl(socket, _SIOCGIFFLAGS, request))
        if not flags & _IFF_UP:
            fcntl.ioctl(socket, _SIOCSIFFLAGS, _IFREQ.pack(name, flags | _IFF_UP))
    finally:
        socket.close()
