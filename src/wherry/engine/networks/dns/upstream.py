"""One question to one other server: over UDP from a fresh random port, or over TCP.

Each question goes out with a random id from a socket of its own that is connected to the server, so
that a forged answer has to guess id and port, and a refused port is known at once (RFC 5452).
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import struct
from dataclasses import dataclass
from typing import Final, Protocol

from wherry.engine.networks.dns.decode import decode_response
from wherry.engine.networks.dns.encode import encode_query
from wherry.engine.networks.dns.message import LARGEST, MalformedError, Query, Response

PORT: Final = 53
_LENGTH: Final = struct.Struct("!H")


@dataclass(frozen=True, slots=True)
class Server:
    """A server to ask. `on_host`: from the host's namespace, not from the container's."""

    address: str
    on_host: bool = False
    port: int = PORT


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it came, and what was read of it."""

    data: bytes
    response: Response


class Sockets(Protocol):
    """Where sockets come from: a namespace."""

    async def take(self, family: socket.AddressFamily, kind: socket.SocketKind) -> socket.socket:
        """A fresh non-blocking socket, the caller's. Raises OSError."""
        ...


async def ask_udp(sockets: Sockets, server: Server, query: Query) -> Reply:
    """The server's answer; waits for ever. Raises OSError."""
    with await sockets.take(_family(server.address), socket.SOCK_DGRAM) as sock:
        sock.connect((server.address, server.port))
        id_ = secrets.randbits(16)
        sock.send(encode_query(query, id_))
        loop = asyncio.get_running_loop()
        while True:
            data = await loop.sock_recv(sock, LARGEST)
            reply = _match(data, query, id_)
            if reply is not None:
                return reply


async def ask_tcp(sockets: Sockets, server: Server, query: Query) -> Reply:
    """The server's answer over a connection of its own; waits for ever.

    Raises OSError, and EOFError where the server hangs up.
    """
    loop = asyncio.get_running_loop()
    with await sockets.take(_family(server.address), socket.SOCK_STREAM) as sock:
        await loop.sock_connect(sock, (server.address, server.port))
        id_ = secrets.randbits(16)
        message = encode_query(query, id_)
        await loop.sock_sendall(sock, _LENGTH.pack(len(message)) + message)
        (length,) = _LENGTH.unpack(await receive(sock, _LENGTH.size))
        reply = _match(await receive(sock, length), query, id_)
        if reply is None:
            raise ConnectionError(f"{server.address} answered something else")
        return reply


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


async def receive(sock: socket.socket, size: int) -> bytes:
    """Exactly so many bytes of a stream. Raises OSError, and EOFError where it ends before."""
    loop = asyncio.get_running_loop()
    data = b""
    while len(data) < size:
        more = await loop.sock_recv(sock, size - len(data))
        if not more:
            raise EOFError("the server hung up")
        data += more
    return data


def _match(data: bytes, query: Query, id_: int) -> Reply | None:
    """The reply, if it is one to this question; anything else is noise or forged."""
    try:
        response = decode_response(data)
    except MalformedError:
        return None
    if (response.id, response.name, response.type) != (id_, query.name, query.type):
        return None
    return Reply(data, response)
