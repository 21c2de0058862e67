"""HTTP connections to what one registry endpoint leads to: pooled, proxied, interruptible.

One request, one answer: no redirects, no retries, no authentication (that is `endpoint`). Built on
http.client, since blocking code has to end when another thread wants it to: who owns a socket can
shut it down at any moment (docs/decisions/110-http-client.md).
"""

from __future__ import annotations

import http.client
import select
import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, Final
from urllib.parse import urlsplit

from wherry.registry import proxies
from wherry.registry.exchange import Answer, Place, Request
from wherry.registry.netfailures import connecting, translated

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    from wherry.registry.cancellation import Cancellation
    from wherry.registry.config import Proxies

CONNECT_TIMEOUT: Final = 15.0  # seconds
SILENCE_TIMEOUT: Final = 60.0  # seconds without a byte
KEEP_IDLE: Final = 30.0  # seconds that an idle connection is worth keeping
_MOST_IDLE: Final = 8
_APPENDS: Final = "PATCH"  # not to be sent twice without asking what arrived
_BLOCK: Final = 256 << 10


class Connections:
    """A pool for one endpoint; any thread. `context` gives the TLS settings for a host's name."""

    def __init__(self, settings: Proxies, context: Callable[[str], ssl.SSLContext]) -> None:
        self._proxies = settings
        self._context = context
        self._lock = threading.Lock()
        self._idle: dict[Place, list[tuple[float, http.client.HTTPConnection]]] = {}
        self._closed = False

    def send(self, request: Request, cancellation: Cancellation) -> Answer:
        """Send and wait for the answer's head.

        Raises Unreachable, Temporary, Unavailable (see `netfailures`), Invalid, Cancelled.
        """
        place = Place.of(request.url)
        with translated(str(place), cancellation):
            used = self._take(place)
            if used is not None:
                try:
                    return self._exchange(place, used, request, cancellation)
                except ConnectionError:  # closed meanwhile, so nothing was done: once more
                    cancellation.check()
                    if request.method == _APPENDS:
                        raise
            fresh = self._connect(place, cancellation)
            return self._exchange(place, fresh, request, cancellation)

    def close(self) -> None:
        """Close what is idle, and each of the others when its answer ends."""
        with self._lock:
            self._closed = True
            idle = [each for kept in self._idle.values() for _, each in kept]
            self._idle.clear()
        for connection in idle:
            connection.close()

    def _exchange(
        self,
        place: Place,
        connection: http.client.HTTPConnection,
        request: Request,
        cancellation: Cancellation,
    ) -> Answer:
        held = connection.sock  # http.client forgets it before the answer's body is read

        def interrupt() -> None:
            _shut_down(held)

        try:
            with cancellation.waking(interrupt):
                self._write(place, connection, request)
                response = connection.getresponse()
        except BaseException:
            connection.close()
            raise
        return Answer(
            request,
            response,
            done=lambda reusable: self._give_back(place, connection, reusable),
            interrupt=interrupt,
            cancellation=cancellation,
        )

    def _write(
        self, place: Place, connection: http.client.HTTPConnection, request: Request
    ) -> None:
        parts = urlsplit(request.url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = dict(request.headers)
        proxy = self._proxy(place)
        if proxy and place.scheme == "http":
            target = f"http://{parts.netloc}{target}"
            headers |= _authorization(proxy)
        if request.body is None:
            connection.request(request.method, target, headers=headers)
            return
        headers["Content-Length"] = str(request.body.size)
        with request.body.open() as file:
            blocks = _blocks(file, request.body.size)
            # Who closes early may have answered before: that answer is the true reason.
            with suppress(BrokenPipeError):
                connection.request(request.method, target, blocks, headers)

    def _connect(self, place: Place, cancellation: Cancellation) -> http.client.HTTPConnection:
        proxy = self._proxy(place)
        host, port = (proxy.host, proxy.port) if proxy else (place.host, place.port)
        connection: http.client.HTTPConnection
        if place.scheme == "https":
            context = self._context(place.host)
            connection = http.client.HTTPSConnection(
                host, port, timeout=CONNECT_TIMEOUT, context=context
            )
            if proxy:
                connection.set_tunnel(place.host, place.port, _authorization(proxy))
        else:
            connection = http.client.HTTPConnection(host, port, timeout=CONNECT_TIMEOUT)
        via = f"{place} by the proxy {host}:{port}" if proxy else str(place)
        with connecting(via, cancellation):
            try:
                connection.connect()
            except BaseException:
                connection.close()
                raise
        connection.sock.settimeout(SILENCE_TIMEOUT)
        return connection

    def _proxy(self, place: Place) -> proxies.Proxy | None:
        return proxies.choose(self._proxies, place.scheme, place.host, place.port)

    def _take(self, place: Place) -> http.client.HTTPConnection | None:
        with self._lock:
            kept = self._idle.get(place, [])
            while kept:
                since, connection = kept.pop()
                if time.monotonic() - since < KEEP_IDLE and not _is_readable(connection.sock):
                    return connection
                connection.close()
        return None

    def _give_back(
        self, place: Place, connection: http.client.HTTPConnection, reusable: bool
    ) -> None:
        with self._lock:
            kept = self._idle.setdefault(place, [])
            if reusable and connection.sock and not self._closed and len(kept) < _MOST_IDLE:
                kept.append((time.monotonic(), connection))
                return
        connection.close()


def _authorization(proxy: proxies.Proxy) -> dict[str, str]:
    return {"Proxy-Authorization": proxy.authorization} if proxy.authorization else {}


def _blocks(file: BinaryIO, size: int) -> Iterator[bytes]:
    """The file's next `size` bytes in blocks larger than http.client's own 8 KB."""
    while size and (block := file.read(min(_BLOCK, size))):
        size -= len(block)
        yield block


def _is_readable(connected: socket.socket) -> bool:
    """Bytes that nobody asked for, or the end: the server has given the connection up."""
    poll = select.poll()
    poll.register(connected, select.POLLIN)
    return bool(poll.poll(0))


def _shut_down(connected: socket.socket) -> None:
    try:  # not SSLSocket's own method, which takes the TLS state away from under a reader
        socket.socket.shutdown(connected, socket.SHUT_RDWR)
    except OSError:
        return  # closed already
