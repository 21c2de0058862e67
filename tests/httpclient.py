"""A plain HTTP client on a unix socket, apart from Wherry's own, so that both sides cannot share
a mistake: requests on one kept-alive connection, streamed answers, and upgraded connections."""

from __future__ import annotations

import http.client
import json
import socket
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

HEADER = struct.Struct(">BxxxI")
"""Frame of attach and logs without a terminal: stream (1 out, 2 err), three zeros, length."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON; None when there is none."""
        return json.loads(self.body) if self.body else None

    @property
    def message(self) -> str:
        """Text of an error answer in Docker's form."""
        return str(self.json()["message"])


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class Connection:
    """One kept-alive connection; also a context manager."""

    def __init__(self, path: Path, timeout: float = 60) -> None:
        self._http = _UnixConnection(path, timeout)

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request and read the whole answer. Anything but bytes is sent as JSON."""
        response = self.open(method, path, body, headers)
        return Answer(response.status, dict(response.getheaders()), response.read())

    def open(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> http.client.HTTPResponse:
        """Send one request; the caller reads the answer's body as it comes."""
        sent = dict(headers or {})
        data: bytes | None = None
        if isinstance(body, bytes):
            data = body
        elif body is not None:
            data = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        self._http.request(method, path, data, sent)
        return self._http.getresponse()

    def upgrade(self, path: str, body: object = None) -> socket.socket:
        """POST with `Upgrade: tcp`; the raw connection after the 101. It belongs to the caller.

        Raises AssertionError when the server does not switch protocols.
        """
        data = b"" if body is None else json.dumps(body).encode()
        request = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        self._http.connect()
        raw = self._http.sock
        assert raw is not None
        raw.sendall(request.encode() + data)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            piece = raw.recv(1)  # byte by byte: what follows the head is already the stream
            assert piece, head
            head += piece
        assert head.startswith(b"HTTP/1.1 101"), head
        self._http.sock = None
        return raw


def frames(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Frames (stream, payload) of a multiplexed stream. Raises ValueError when one is cut off."""
    position = 0
    while position < len(data):
        if len(data) - position < HEADER.size:
            raise ValueError(f"{len(data) - position} bytes where a frame header should be")
        stream, length = HEADER.unpack_from(data, position)
        position += HEADER.size
        if position + length > len(data):
            raise ValueError(f"frame of {length} bytes is cut off at {len(data) - position}")
        yield stream, data[position : position + length]
        position += length


def demultiplex(data: bytes) -> dict[int, bytes]:
    """All payload of each stream of a multiplexed answer."""
    streams: dict[int, bytes] = {}
    for stream, payload in frames(data):
        streams[stream] = streams.get(stream, b"") + payload
    return streams


def read_all(raw: socket.socket) -> bytes:
    """Everything until the other side ends."""
    pieces = []
    while piece := raw.recv(1 << 16):
        pieces.append(piece)
    return b"".join(pieces)
