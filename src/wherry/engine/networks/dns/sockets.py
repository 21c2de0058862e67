"""The server's two sockets inside a container's network namespace, and the redirection to them.

`prepare_inside` is all that a prepared (pooled) namespace needs: the sockets listen, the kernel
queues what comes, and the redirection from port 53 is in place; `Dns.attach` only begins to read.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Final

from wherry.engine.networks.dns.redirect import redirect_inside
from wherry.engine.networks.dns.settings import Ports

ADDRESS: Final = "127.0.0.11"

_BACKLOG: Final = 64
_RECEIVE_BUFFER: Final = 1 << 20
"""Bytes of queries that may wait while the daemon is busy: about 1,300 of them."""
_SO_RCVBUFFORCE: Final = 33


@dataclass(slots=True)
class Listening:
    """The sockets of one server; whoever holds it closes it. Open sockets keep the namespace."""

    udp: socket.socket
    tcp: socket.socket

    @property
    def ports(self) -> Ports:
        """The ports that were chosen."""
        return Ports(self.udp.getsockname()[1], self.tcp.getsockname()[1])

    def close(self) -> None:
        """Close both; a second call does nothing."""
        self.udp.close()
        self.tcp.close()


def prepare_inside() -> Listening:
    """Sockets at random ports and the redirection to them, in the calling thread's namespace.

    For the thread that makes a sandbox. Loopback must be up. Raises OSError and leaves nothing.
    """
    listening = reopen_inside(Ports(0, 0))
    try:
        redirect_inside(ADDRESS, listening.ports)
    except OSError:
        listening.close()
        raise
    return listening


def reopen_inside(ports: Ports) -> Listening:
    """Sockets at known ports, where the redirection stands already. Raises OSError.

    The caller's thread is in the namespace. Port 0 is a random one.
    """
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    except OSError:
        udp.close()
        raise
    listening = Listening(udp, tcp)
    try:
        udp.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
        # Connections of a killed daemon may still linger on the port.
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        udp.bind((ADDRESS, ports.udp))
        tcp.bind((ADDRESS, ports.tcp))
        tcp.listen(_BACKLOG)
        udp.setblocking(False)
        tcp.setblocking(False)
    except OSError:
        listening.close()
        raise
    return listening
