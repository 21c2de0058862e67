"""HTTP/1.1 as a client, by hand over `_socket` (RFC 9112): the start-up time of `http.client` is
three times that of a whole command.

A `Connection` carries requests one after another. A response is read to its end before the next
request; one with status 101 turns the connection into a plain stream (`Connection.socket`, with
`Connection.take_buffered()` for what arrived early).
"""

from __future__ import annotations

import _socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from wherry.cli.tls import TlsSocket
    from wherry.cli.tlsfiles import TlsFiles

    Body = bytes | Iterable[bytes] | None

_RECEIVE_SIZE = 1 << 18
_MAX_HEAD = 1 << 20
# SIGPIPE has its default action in this process, so that `wherry logs x | head` ends quietly; a
# daemon that goes away must not kill us the same way.
_SEND_FLAGS = _socket.MSG_NOSIGNAL


class ProtocolError(Exception):
    """What came over the connection is not HTTP, or ends in the middle."""


class Response:
    """Status, headers (names in lower case) and the body, which is read on demand."""

    __slots__ = ("_connection", "_finished", "_method", "headers", "status")

    def __init__(
        self, connection: Connection, method: str, status: int, headers: dict[str, str]
    ) -> None:
        self._connection = connection
        self._method = method
        self._finished = False
        self.status = status
        self.headers = headers

    @property
    def upgraded(self) -> bool:
        """Whether the connection is a plain stream from here on."""
        # Daemons before 1.21 of the API answer 200 with this type and no Upgrade.
        return self.status == 101 or (
            self.headers.get("content-type") == "application/vnd.docker.raw-stream"
            and "transfer-encoding" not in self.headers
            and "content-length" not in self.headers
        )

    def pieces(self) -> Iterator[bytes]:
        """The body as it arrives, in pieces of whatever size."""
        if not self._finished:
            self._finished = True
            yield from self._body()

    def read(self) -> bytes:
        """The whole rest of the body."""
        return b"".join(self.pieces())

    def _body(self) -> Iterator[bytes]:
        if self._method == "HEAD" or self.status in (101, 204, 304):
            return iter(())
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            return self._connection.chunks()
        length = self.headers.get("content-length")
        if length is not None:
            return self._connection.exactly(int(length))
        return self._connection.until_end()


class Connection:
    """One connection to a daemon; opened at once. OSError when nothing answers.

    `tls` is for addresses of TCP; `Unreachable` when the two sides do not trust each other.
    """

    __slots__ = ("_buffer", "_host", "reusable", "socket")

    def __init__(self, address: str | tuple[str, int], tls: TlsFiles | None = None) -> None:
        self._buffer = bytearray()
        self._host = "localhost" if isinstance(address, str) else f"{address[0]}:{address[1]}"
        self.reusable = True
        self.socket = _connect(address, tls)

    def send(self, method: str, target: str, headers: Mapping[str, str], body: Body = None) -> None:
        """Send a request. A body of bytes has a length; an iterable goes in chunks.

        BrokenPipeError or ConnectionResetError when the daemon stops reading; it may have answered
        first, so `receive` is worth trying.
        """
        head = [f"{method} {target} HTTP/1.1", f"Host: {self._host}", "User-Agent: wherry"]
        head += [f"{name}: {value}" for name, value in headers.items()]
        if isinstance(body, bytes):
            head.append(f"Content-Length: {len(body)}")
        elif body is not None:
            head.append("Transfer-Encoding: chunked")
        elif method == "POST":
            head.append("Content-Length: 0")
        text = "\r\n".join([*head, "\r\n"]).encode("latin-1", "replace")
        self.socket.sendall(text + body if isinstance(body, bytes) else text, _SEND_FLAGS)
        if body is not None and not isinstance(body, bytes):
            self._send_chunks(body)

    def _send_chunks(self, body: Iterable[bytes]) -> None:
        for piece in body:
            if piece:
                self.socket.sendall(b"%x\r\n" % len(piece), _SEND_FLAGS | _socket.MSG_MORE)
                self.socket.sendall(piece, _SEND_FLAGS | _socket.MSG_MORE)
                self.socket.sendall(b"\r\n", _SEND_FLAGS)
        self.socket.sendall(b"0\r\n\r\n", _SEND_FLAGS)

    def receive(self, method: str) -> Response:
        """The head of the answer to the last request. Interim answers (1xx but 101) are skipped."""
        while True:
            status, headers = _parse_head(self._head())
            if status >= 200 or status == 101:
                break
        self.reusable = headers.get("connection", "").lower() != "close" and status != 101
        return Response(self, method, status, headers)

    def close(self) -> None:
        """End the connection."""
        self.reusable = False
        self.socket.close()

    def take_buffered(self) -> bytes:
        """Bytes that arrived behind the head of an upgraded response."""
        taken = bytes(self._buffer)
        self._buffer.clear()
        return taken

    def exactly(self, count: int) -> Iterator[bytes]:
        """`count` bytes. `ProtocolError` when the connection ends before."""
        while count:
            if not self._buffer:
                self._fill()
            piece = bytes(self._buffer[:count])
            del self._buffer[:count]
            count -= len(piece)
            yield piece

    def chunks(self) -> Iterator[bytes]:
        """A body in chunked coding, to its end (chunk extensions and trailers dropped)."""
        while True:
            size = int(self._line().split(b";", 1)[0], 16)
            if not size:
                break
            yield from self.exactly(size)
            self._line()
        while self._line():
            pass

    def until_end(self) -> Iterator[bytes]:
        """Everything until the daemon closes."""
        self.reusable = False
        if self._buffer:
            yield self.take_buffered()
        while piece := self.socket.recv(_RECEIVE_SIZE):
            yield piece

    def _fill(self) -> None:
        piece = self.socket.recv(_RECEIVE_SIZE)
        if not piece:
            self.reusable = False
            raise ProtocolError("the connection ended in the middle of an answer")
        self._buffer += piece

    def _line(self) -> bytes:
        return self._until(b"\r\n")

    def _head(self) -> bytes:
        return self._until(b"\r\n\r\n")

    def _until(self, mark: bytes) -> bytes:
        while (end := self._buffer.find(mark)) < 0:
            if len(self._buffer) > _MAX_HEAD:
                raise ProtocolError("the answer's head has no end")
            self._fill()
        found = bytes(self._buffer[:end])
        del self._buffer[: end + len(mark)]
        return found


def _connect(address: str | tuple[str, int], tls: TlsFiles | None) -> _socket.socket | TlsSocket:
    if isinstance(address, str):
        connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        connection.connect(address)
        return connection
    connection = _connect_tcp(*address)
    if not tls:
        return connection
    from wherry.cli.tls import TlsSocket

    return TlsSocket(connection, address[0], tls)


def _connect_tcp(name: str, port: int) -> _socket.socket:
    failure: OSError | None = None
    for family, kind, protocol, _, where in _socket.getaddrinfo(name, port, 0, _socket.SOCK_STREAM):
        connection = _socket.socket(family, kind, protocol)
        try:
            connection.connect(where)
        except OSError as error:
            connection.close()
            failure = error
        else:
            connection.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
            return connection
    raise failure or OSError(f"no address for {name}")


def _parse_head(head: bytes) -> tuple[int, dict[str, str]]:
    first, *rest = head.decode("latin-1").split("\r\n")
    words = first.split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdigit():
        raise ProtocolError(f"not an HTTP answer: {first[:80]!r}")
    headers = {}
    for line in rest:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return int(words[1]), headers
