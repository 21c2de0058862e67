"""The keeper's listening socket and the clients on it (the daemon, as a rule, and no other).

The keeper never waits for a client. What a client does not take at once is queued; one that does
not take anything for long is dropped, and can connect again and `list`.
"""

from __future__ import annotations

import os
from _socket import (
    AF_UNIX,
    SO_PEERCRED,
    SOCK_CLOEXEC,
    SOCK_NONBLOCK,
    SOCK_SEQPACKET,
    SOL_SOCKET,
    socket,
)
from _struct import unpack
from select import EPOLLIN, EPOLLOUT

from wherry.runtime.protocol import close_all, encode, receive_sane, send_encoded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wherry.runtime.keeper.loop import Loop
    from wherry.runtime.protocol import Message

QUEUE_LIMIT = 4096  # messages; events are coalesced, so only a stuck client has as many
_REQUESTS_A_ROUND = 16
_BACKLOG = 16


class Client:
    """One connection: requests in, answers and events out."""

    __slots__ = ("_clients", "_queue", "_sock")

    def __init__(self, sock: socket, clients: Clients) -> None:
        self._sock = sock
        self._clients = clients
        self._queue: list[tuple[bytes, list[int]]] = []

    @property
    def connected(self) -> bool:
        """Whether messages to it can still arrive."""
        return self._sock.fileno() >= 0

    def ready(self, fd: int, events: int) -> None:
        """See `loop.Watched`."""
        if events & EPOLLOUT:
            self._flush()
        if events & ~EPOLLOUT and self.connected:
            self._receive()

    def send(self, message: Message, fds: Sequence[int] = ()) -> None:
        """Send now or, where the client is slow, later; the descriptors stay the caller's."""
        if not self.connected:
            return
        payload = encode(message)
        if self._queue or not self._try(payload, fds):
            self._enqueue(payload, fds)

    def close(self) -> None:
        """Hang up. Idempotent."""
        self._sock.close()
        for _, fds in self._queue:
            close_all(fds)
        self._queue.clear()

    def fileno(self) -> int:
        """The socket's descriptor, -1 once it is closed."""
        return self._sock.fileno()

    def _receive(self) -> None:
        for _ in range(_REQUESTS_A_ROUND):
            try:
                received = receive_sane(self._sock)
            except BlockingIOError:
                return
            if received is None:
                self._clients.drop(self)
                return
            self._clients.handle(self, *received)
            if not self.connected:
                return

    def _try(self, payload: bytes, fds: Sequence[int]) -> bool:
        """Send one message; False when it has to wait."""
        try:
            send_encoded(self._sock, payload, fds)
        except BlockingIOError:
            return False
        except OSError:
            self._clients.drop(self)
        return True

    def _enqueue(self, payload: bytes, fds: Sequence[int]) -> None:
        if len(self._queue) >= QUEUE_LIMIT:
            self._clients.drop(self)
            return
        self._queue.append((payload, [os.dup(fd) for fd in fds]))
        self._clients.loop.watch(self._sock.fileno(), self, EPOLLIN | EPOLLOUT)

    def _flush(self) -> None:
        while self._queue:
            payload, fds = self._queue[0]
            if not self._try(payload, fds):
                return
            if not self.connected:
                return  # dropped, and with it the queue
            close_all(fds)
            del self._queue[0]
        self._clients.loop.watch(self._sock.fileno(), self)


class Clients:
    """The listener and everybody who is connected."""

    def __init__(self, loop: Loop, listener: socket) -> None:
        self.loop = loop
        self._listener = listener
        self._connected: list[Client] = []
        self._handle: Callable[[Client, Message, list[int]], None] | None = None
        self._gone: Callable[[Client], None] | None = None

    def serve(
        self,
        handle: Callable[[Client, Message, list[int]], None],
        gone: Callable[[Client], None],
    ) -> None:
        """Accept from now on; `handle` gets each request, `gone` each client that has left."""
        self._handle, self._gone = handle, gone
        self.loop.watch(self._listener.fileno(), self)

    def __len__(self) -> int:
        return len(self._connected)

    def ready(self, fd: int, events: int) -> None:
        """Accept one client; those of other users are turned away."""
        try:
            number, _ = self._listener._accept()  # type: ignore[attr-defined]  # noqa: SLF001 - what socket.accept calls
        except (BlockingIOError, ConnectionAbortedError):
            return
        sock = socket(AF_UNIX, SOCK_SEQPACKET, 0, fileno=number)
        sock.setblocking(False)
        if _peer_user(sock) not in (0, os.geteuid()):
            sock.close()
            return
        client = Client(sock, self)
        self._connected.append(client)
        self.loop.watch(number, client)

    def handle(self, client: Client, message: Message, fds: list[int]) -> None:
        """Pass a request on."""
        assert self._handle is not None
        self._handle(client, message, fds)

    def broadcast(self, message: Message) -> None:
        """Tell everybody."""
        for client in tuple(self._connected):
            client.send(message)

    def drop(self, client: Client) -> None:
        """Hang up on a client and let go of what it followed. Idempotent."""
        if client not in self._connected:
            return
        self._connected.remove(client)
        self.loop.forget(client.fileno())
        client.close()
        assert self._gone is not None
        self._gone(client)


def listen(path: str) -> socket:
    """A listening socket at `path`, for its owner only. The caller holds the keeper's lock."""
    try:
        os.unlink(path)  # of a keeper that was killed
    except FileNotFoundError:
        pass
    sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)
    mask = os.umask(0o177)
    try:
        sock.bind(path)
    finally:
        os.umask(mask)
    sock.listen(_BACKLOG)
    return sock


def _peer_user(sock: socket) -> int:
    _, user, _ = unpack("iII", sock.getsockopt(SOL_SOCKET, SO_PEERCRED, 12))
    return int(user)
