"""The server's two sockets inside a container's network namespace, and the redirection to them.

`prepare_inside` is all that a prepared (pooled) namespace needs: the sockets listen, the kernel
queues what comes, and the redirection from port 53 is in place; `Dns.attach` only starts to read.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass

from wherry.engine.networks.dns.settings import Ports

ADDRESS = "127.0.0.11"


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
    raise NotImplementedError


def reopen_inside(ports: Ports) -> Listening:
    """Sockets at known ports, where the redirection stands already. Raises OSError."""
    raise NotImplementedError
