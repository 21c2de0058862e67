"""Sockets of a namespace, kept in stock, so that few questions have to wait for a thread."""

from __future__ import annotations

import asyncio
import os
import socket
from collections import deque
from typing import Final

from wherry.engine.networks.dns.inside import call_inside, namespace_of

_SMALLEST: Final = 2
_LARGEST: Final = 32
_IDLE: Final = 10.0
"""Seconds after which an unused stock is given up."""


class HostSockets:
    """Sockets in the daemon's own namespace."""

    async def take(self, family: socket.AddressFamily, kind: socket.SocketKind) -> socket.socket:
        """A fresh non-blocking socket, the caller's. Raises OSError."""
        return _new(family, kind)


class SocketStock:
    """UDP sockets made some at a time, TCP sockets one by one, in the namespace of `member`.

    Each is used for one question, since a used one has a port that somebody may know. The stock
    doubles as long as it runs empty, and goes when nothing is asked for a while.
    """

    def __init__(self, member: socket.socket) -> None:
        self._namespace = namespace_of(member)
        self._stock: dict[socket.AddressFamily, deque[socket.socket]] = {}
        self._filling: dict[socket.AddressFamily, asyncio.Task[None]] = {}
        self._batch = _SMALLEST
        self._expiry: asyncio.TimerHandle | None = None
        self._closed = False

    async def take(self, family: socket.AddressFamily, kind: socket.SocketKind) -> socket.socket:
        """A fresh non-blocking socket, the caller's. Raises OSError."""
        if self._closed:
            raise OSError("the container's network is gone")
        if kind != socket.SOCK_DGRAM:
            return await call_inside(self._namespace, lambda: _new(family, kind))
        stock = self._stock.setdefault(family, deque())
        while not stock:
            await asyncio.shield(self._fill(family, stock))
        self._postpone_expiry()
        return stock.popleft()

    def close(self) -> None:
        """Close the stock and let go of the namespace; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        os.close(self._namespace)
        self._drop()

    def _fill(
        self, family: socket.AddressFamily, stock: deque[socket.socket]
    ) -> asyncio.Task[None]:
        """The task that fills this stock, which all who find it empty wait for."""
        task = self._filling.get(family)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._make(family, stock))
            task.add_done_callback(lambda _: self._filling.pop(family, None))
            self._filling[family] = task
        return task

    async def _make(self, family: socket.AddressFamily, stock: deque[socket.socket]) -> None:
        count, self._batch = self._batch, min(2 * self._batch, _LARGEST)
        stock += await call_inside(
            self._namespace, lambda: [_new(family, socket.SOCK_DGRAM) for _ in range(count)]
        )
        if self._closed:
            self._drop()
            raise OSError("the container's network is gone")

    def _postpone_expiry(self) -> None:
        loop = asyncio.get_running_loop()
        if self._expiry is None:
            self._used = loop.time()
            self._expiry = loop.call_later(_IDLE, self._expire)
        self._used = loop.time()

    def _expire(self) -> None:
        loop = asyncio.get_running_loop()
        left = self._used + _IDLE - loop.time()
        if left > 0:
            self._expiry = loop.call_later(left, self._expire)
            return
        self._expiry, self._batch = None, _SMALLEST
        self._drop()

    def _drop(self) -> None:
        if self._closed and self._expiry is not None:
            self._expiry.cancel()
        for stock in self._stock.values():
            while stock:
                stock.pop().close()


def _new(family: socket.AddressFamily, kind: socket.SocketKind) -> socket.socket:
    sock = socket.socket(family, kind)
    sock.setblocking(False)
    return sock
