"""Where the API listens: addresses as `-H` gives them."""

from __future__ import annotations

import grp
import logging
import os
import socket
from dataclasses import dataclass

from wherry.errors import Invalid, Unavailable
from wherry.http.server import Server

TCP_PORT = 2375

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Address:
    """`kind` is unix (`path`), tcp (`host`, `port`) or fd."""

    kind: str
    path: str = ""
    host: str = ""
    port: int = 0


def parse(text: str) -> Address:
    """Read an address. Raises Invalid."""
    kind, separator, rest = text.partition("://")
    if kind == "unix" and rest.startswith("/"):
        return Address("unix", path=rest)
    if kind == "fd":
        return Address("fd")
    if kind == "tcp" and separator:
        host, _, port = rest.rpartition(":") if ":" in rest.rsplit("]", 1)[-1] else (rest, "", "")
        if not port or (port.isdigit() and int(port) < 65536):
            return Address("tcp", host=host.strip("[]"), port=int(port or TCP_PORT))
    raise Invalid(
        f"invalid address to listen on: {text}",
        hint="write unix:///path, tcp://host:port or fd://",
    )


def insecure(addresses: list[Address]) -> tuple[str, ...]:
    """The TCP addresses, which anybody who reaches them may use: there is no TLS yet."""
    return tuple(f"tcp://{each.host}:{each.port}" for each in addresses if each.kind == "tcp")


async def listen(
    server: Server, addresses: list[Address], inherited: list[socket.socket], group: str
) -> None:
    """Listen everywhere. Raises Invalid, Unavailable."""
    gid = _group_id(group)
    for sock in inherited:
        await server.listen_on(sock)
    for address in addresses:
        if address.kind == "fd":
            if not inherited:
                raise Unavailable("fd:// was given, but no socket was handed over by systemd")
            continue
        try:
            await _listen_on(server, address, gid)
        except OSError as error:
            raise Unavailable(
                f"cannot listen on {address.path or f'{address.host}:{address.port}'}: "
                f"{error.strerror or error}",
                hint="is another daemon running there?",
            ) from error


async def _listen_on(server: Server, address: Address, group: int) -> None:
    if address.kind == "unix":
        os.makedirs(os.path.dirname(address.path), exist_ok=True)
        await server.listen_unix(address.path, group=group)
        return
    _log.warning(
        "listening on tcp://%s:%d without TLS: whoever reaches it is root on this machine",
        address.host,
        address.port,
    )
    await server.listen_tcp(address.host, address.port)


def _group_id(name: str) -> int:
    if not name:
        return -1
    try:
        return int(name) if name.isdigit() else grp.getgrnam(name).gr_gid
    except KeyError:
        raise Invalid(f"group {name} does not exist") from None
