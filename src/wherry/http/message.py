"""Requests and answers as values; a handler turns one into the other.

    Handler = async (Request) -> Response | Stream | FileBody | Hijack

A handler that raises is answered with 500; it is cancelled when its client goes away.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

if TYPE_CHECKING:
    from wherry.http.body import Body
    from wherry.http.duplex import Duplex


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who connected to a unix socket, at that moment: SO_PEERCRED and SO_PEERGROUPS (unix(7)).

    `groups` are the supplementary ones. The pid may be another process's by now.
    """

    pid: int
    uid: int
    gid: int
    groups: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `path` is still percent-encoded, `query` is what follows the "?".

    `headers` has lower-case names; repeated ones are joined by ", " (RFC 9110, 5.3). `peer` is
    the client's address, "" on a unix socket; `credentials` is who it is there, None elsewhere.
    """

    method: str
    path: str
    query: str
    version: str
    headers: Mapping[str, str]
    body: Body
    peer: str = ""
    credentials: Credentials | None = None

    @property
    def upgrade(self) -> str:
        """The protocol that the client wants to switch to, "" if none."""
        options = self.headers.get("connection", "").lower()
        return self.headers.get("upgrade", "") if "upgrade" in options else ""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer whose body is at hand."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer whose body comes piece by piece; the head is sent at once.

    Where `chunks` raises, the connection is broken off, so that the client sees the truncation.
    It is closed (`aclose`) in every case.
    """

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]


@dataclass(frozen=True, slots=True)
class FileBody:
    """An answer whose body is `count` bytes of a file from `offset` on, sent by the kernel.

    The file is closed in every case. Content-Length is added; an answer to HEAD has no body.
    """

    status: int
    headers: Mapping[str, str]
    file: BinaryIO
    offset: int
    count: int


@dataclass(frozen=True, slots=True)
class Hijack:
    """An answer that takes the connection over.

    A client that asked for an upgrade is answered 101 with `protocol`, any other 200; then `run`
    has the connection to itself, and it is closed when `run` returns.
    """

    run: Callable[[Duplex], Awaitable[None]]
    headers: Mapping[str, str] = field(default_factory=dict)
    protocol: str = "tcp"


Answer: TypeAlias = Response | Stream | FileBody | Hijack
Handler: TypeAlias = Callable[[Request], Awaitable[Answer]]
