"""Listening for HTTP on unix and TCP sockets."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from wherry.http.connection import Connection
from wherry.http.message import Handler

if TYPE_CHECKING:
    import ssl

    Context = Callable[[], ssl.SSLContext]

BACKLOG: Final = 512


class Server:
    """Serves one handler on any number of sockets.

    `close` ends listening, lets answers in progress finish for a while, then cancels them.
    """

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._connections: set[Connection] = set()
        self._listeners: list[asyncio.Server] = []
        self._paths: list[tuple[str, tuple[int, int]]] = []

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    async def listen_unix(
        self, path: str, *, mode: int = 0o660, owner: int = -1, group: int = -1
    ) -> None:
        """Listen at a path, replacing a socket that nobody listens on; ids of -1 stay as they are.

        Raises OSError; EADDRINUSE when another server answers there.
        """
        sock = _bind_unix(path, mode, owner, group)
        self._paths.append((path, _identity(path)))
        await self.listen_on(sock)

    async def listen_tcp(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        """Listen at an address, "" for all. Raises OSError."""
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(
            self._connect, host or None, port, backlog=BACKLOG, ssl=tls
        )
        self._listeners.append(listener)

    async def listen_tls(self, host: str, port: int, context: Context) -> None:
        """Listen at an address with TLS whose directions close apart, as hijacking needs it.

        `context` is asked for each connection, so that certificates can be renewed. Files
        (`FileBody`) go through `listen_tcp` only. Raises OSError.
        """
        loop = asyncio.get_running_loop()
        accept = self._accepting(context)
        listener = await loop.create_server(accept, host or None, port, backlog=BACKLOG)
        self._listeners.append(listener)

    async def listen_on(self, sock: socket.socket, context: Context | None = None) -> None:
        """Listen on a stream socket made elsewhere (socket activation).

        `context` is for sockets of TCP: TLS as of `listen_tls`.
        """
        loop = asyncio.get_running_loop()
        if sock.family == socket.AF_UNIX:
            listener = await loop.create_unix_server(self._connect, sock=sock, backlog=BACKLOG)
        else:
            accept = self._accepting(context) if context else self._connect
            listener = await loop.create_server(accept, sock=sock, backlog=BACKLOG)
        self._listeners.append(listener)

    @property
    def addresses(self) -> list[object]:
        """Where it listens, as getsockname(2) tells."""
        return [sock.getsockname() for server in self._listeners for sock in server.sockets]

    async def close(self, grace: float = 0.0) -> None:
        """Stop. Answers in progress get `grace` seconds, then their handlers are cancelled."""
        for listener in self._listeners:
            listener.close()
        for path, identity in self._paths:
            _unlink_own(path, identity)
        await self._drain(grace)
        for connection in list(self._connections):
            connection.close()
        await self._drain(1.0)

    async def _drain(self, seconds: float) -> None:
        """Close connections as they become idle until none is left, at most so long."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while self._connections and loop.time() < deadline:
            for connection in [c for c in self._connections if not c.busy]:
                connection.close()
            await asyncio.sleep(0.01)

    def _accepting(self, context: Context) -> Callable[[], asyncio.Protocol]:
        from wherry.http.tls import TlsLayer  # who has a context has imported ssl already

        return lambda: TlsLayer(context(), self._connect())

    def _connect(self) -> Connection:
        connection = Connection(self._handler, self._connections.discard)
        self._connections.add(connection)
        return connection


def _bind_unix(path: str, mode: int, owner: int, group: int) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        _remove_dead(path)
        # bind(2) takes the mode from the socket's inode (net/unix/af_unix.c: unix_bind_bsd), so
        # that nobody can connect before group and mode are right, without umask(2), which would
        # hit the other threads.
        os.fchmod(sock.fileno(), 0)
        sock.bind(path)
        os.chown(path, owner, group)
        os.chmod(path, mode)
    except BaseException:
        sock.close()
        raise
    return sock


def _remove_dead(path: str) -> None:
    """Remove a socket file that no process listens on; leave anything else."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)


def _identity(path: str) -> tuple[int, int]:
    """Return what tells a socket file from a later one; inode numbers alone are used again."""
    found = os.stat(path)
    return found.st_ino, found.st_ctime_ns


def _unlink_own(path: str, identity: tuple[int, int]) -> None:
    """Remove our socket file, unless another server has taken the path since."""
    try:
        if _identity(path) == identity:
            os.unlink(path)
    except FileNotFoundError:
        pass
