"""Where the API listens: addresses as `-H` gives them, and who may reach them."""

from __future__ import annotations

import grp
import ipaddress
import logging
import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from wherry.daemon.tlssettings import TlsFiles, TlsSettings
from wherry.errors import Invalid, Unavailable
from wherry.http.server import Server

TCP_PORT: Final = 2375
TLS_PORT: Final = 2376
DEFAULT_GROUP: Final = "docker"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Address:
    """`kind` is unix (`path`), tcp (`host`, `port`) or fd."""

    kind: str
    path: str = ""
    host: str = ""
    port: int = 0

    def __str__(self) -> str:
        """As `-H` takes it."""
        if self.kind != "tcp":
            return f"{self.kind}://{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"tcp://{host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches a TCP address."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def parse(text: str, tls: TlsSettings | None = None) -> Address:
    """Read an address; without a host it is 127.0.0.1, as dockerd reads it. Raises Invalid."""
    kind, separator, rest = text.partition("://")
    if kind == "unix" and rest.startswith("/"):
        return Address("unix", path=rest)
    if kind == "fd":
        return Address("fd")
    if kind == "tcp" and separator:
        host, _, port = rest.rpartition(":") if ":" in rest.rsplit("]", 1)[-1] else (rest, "", "")
        if not port or (port.isdigit() and int(port) < 65536):
            usual = TLS_PORT if tls and tls.encrypted else TCP_PORT
            return Address("tcp", host=host.strip("[]") or "127.0.0.1", port=int(port or usual))
    raise Invalid(
        f"invalid address to listen on: {text}",
        hint="write unix:///path, tcp://host:port or fd://",
    )


def open_to_anyone(addresses: Iterable[Address], tls: TlsSettings) -> tuple[Address, ...]:
    """The TCP addresses that anybody who reaches them may use: no client must show who it is."""
    return () if tls.verify else tuple(each for each in addresses if each.kind == "tcp")


def open_urls(addresses: Iterable[Address], tls: TlsSettings) -> tuple[str, ...]:
    """The same as `docker info` names them: http or https tells which protection lacks."""
    scheme = "https" if tls.encrypted else "http"
    return tuple(str(each).replace("tcp", scheme, 1) for each in open_to_anyone(addresses, tls))


def inherited_addresses(inherited: Iterable[socket.socket]) -> list[Address]:
    """The TCP addresses of sockets that systemd handed over."""
    names = [each.getsockname() for each in inherited if each.family != socket.AF_UNIX]
    return [Address("tcp", host=name[0], port=name[1]) for name in names]


def secure(addresses: Iterable[Address], tls: TlsSettings) -> TlsFiles | None:
    """What TCP addresses are served with, None where it is nothing, which is warned of.

    Raises Invalid for files that do not serve, and where the API would be open to other machines
    without a word that this is meant.
    """
    tcp = [each for each in addresses if each.kind == "tcp"]
    manner = "with TLS but without verifying clients" if tls.encrypted else "without TLS"
    for address in open_to_anyone(tcp, tls):
        if not address.loopback and not tls.insecure_tcp:
            raise Invalid(
                f"will not listen on {address} {manner}: whoever reaches it would be root on this "
                "machine",
                hint="give --tlsverify with --tlscacert, --tlscert and --tlskey; or --insecure-tcp "
                "if that is meant",
            )
        _log.warning(
            "listening on %s %s: whoever reaches it, a container with --network host too, is root "
            "on this machine",
            address,
            manner,
        )
    context = tls.context() if tcp else None
    return None if context is None else TlsFiles(tls, context)


async def listen(
    server: Server,
    addresses: list[Address],
    inherited: list[socket.socket],
    group: str,
    context: TlsFiles | None,
) -> None:
    """Listen everywhere; `context` is of `secure`. Raises Invalid, Unavailable."""
    gid = _group_id(group) if any(each.kind == "unix" for each in addresses) else -1
    for sock in inherited:
        await server.listen_on(sock, context)
    for address in addresses:
        if address.kind == "fd":
            if not inherited:
                raise Unavailable("fd:// was given, but no socket was handed over by systemd")
            continue
        try:
            await _listen_on(server, address, gid, context)
        except OSError as error:
            raise Unavailable(
                f"cannot listen on {address}: {error.strerror or error}",
                hint="is another daemon running there?",
            ) from error


async def _listen_on(
    server: Server, address: Address, group: int, context: TlsFiles | None
) -> None:
    if address.kind == "unix":
        os.makedirs(os.path.dirname(address.path), exist_ok=True)
        await server.listen_unix(address.path, group=group)
    elif context is not None:
        await server.listen_tls(address.host, address.port, context)
    else:
        await server.listen_tcp(address.host, address.port)


def _group_id(name: str) -> int:
    """The group of unix sockets: docker by default, root's where there is no such group."""
    try:
        if name.isdigit():
            return int(name)
        return grp.getgrnam(name or DEFAULT_GROUP).gr_gid
    except KeyError:
        if not name:
            _log.info("there is no group %s: only root may use the socket", DEFAULT_GROUP)
            return 0
        raise Invalid(f"group {name} does not exist") from None
