"""Telling a client that is gone from one that only closed its sending direction.

Both look like end of file to a reader. On a unix socket the kernel sets EPOLLHUP only when both
directions are shut (unix(7), net/unix/af_unix.c: unix_poll), so an epoll set that asks for no
event at all becomes readable exactly then. TCP cannot tell: there the next write fails.
"""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import Callable


class HangupWatch:
    """Calls `gone` once when the peer of a unix socket has closed it altogether."""

    def __init__(self, sock: socket.socket, gone: Callable[[], None]) -> None:
        self._epoll = select.epoll()
        self._epoll.register(sock.fileno(), 0)
        self._gone = gone
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._epoll.fileno(), self._hung_up)

    def close(self) -> None:
        """Stop watching. Idempotent."""
        if not self._epoll.closed:
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()

    def _hung_up(self) -> None:
        self.close()
        self._gone()
