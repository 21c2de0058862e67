"""What a container wants published: Docker's PortBindings, ExposedPorts, PublishAllPorts."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from wherry.engine.networks.values import PortBinding, Published
from wherry.errors import Invalid

if TYPE_CHECKING:
    from wherry.engine.containers.config import ContainerConfig, HostConfig
    from wherry.engine.containers.config import PortBinding as Asked

PROTOCOLS: Final = ("tcp", "udp", "sctp")
LAST_PORT: Final = 65535


def wanted(config: ContainerConfig, host: HostConfig) -> tuple[PortBinding, ...]:
    """Every publication that is asked for. Raises Invalid that names the port and the remedy."""
    found = list(bindings(host.port_bindings or {}))
    if host.publish_all_ports:
        bound = {(row.proto, row.container_port) for row in found}
        exposed = (container_port(text) for text in config.exposed_ports or ())
        rest = (PortBinding(proto, port) for port, proto in exposed)
        found += [row for row in rest if (row.proto, row.container_port) not in bound]
    return tuple(dict.fromkeys(found))


def bindings(asked: Mapping[str, Sequence[Asked] | None]) -> Iterator[PortBinding]:
    """The publications of PortBindings; a port with no binding at all gets a free one."""
    for text, rows in asked.items():
        port, proto = container_port(text)
        for address, host_port in _sides(rows):
            yield PortBinding(proto, port, host_address(address), host_ports(host_port))


def as_before(wanted: Iterable[PortBinding], held: Iterable[Published]) -> tuple[PortBinding, ...]:
    """The same wishes, those that leave the port to us bound to the one that was held before."""
    before = {(row.proto, row.container_port): row.host_port for row in held}
    found = []
    for row in wanted:
        port = before.get((row.proto, row.container_port), 0)
        free = row.host_ports[0] != row.host_ports[1] or row.host_ports == (0, 0)
        found.append(replace(row, host_ports=(port, port)) if free and port else row)
    return tuple(found)


def _sides(rows: Sequence[Asked] | None) -> Iterable[tuple[str, str]]:
    return [(row.host_ip, row.host_port) for row in rows or ()] or [("", "")]


def container_port(text: str) -> tuple[int, str]:
    """Port and protocol of "80/tcp". Raises Invalid."""
    digits, _, proto = text.partition("/")
    proto = (proto or "tcp").lower()
    if proto not in PROTOCOLS:
        raise Invalid(
            f"invalid proto: {proto} (port {text})", hint=f"use one of {', '.join(PROTOCOLS)}"
        )
    return port_number(digits, least=1), proto


def host_ports(text: str) -> tuple[int, int]:
    """First and last port of "8080" or "8000-8010"; (0, 0) for "" and "0". Raises Invalid."""
    if not text:
        return (0, 0)
    first_text, dash, last_text = text.partition("-")
    first = port_number(first_text, least=0)
    last = port_number(last_text, least=0) if dash else first
    if last < first:
        raise Invalid(f'invalid port specification: "{text}"', hint="write the lower port first")
    return first, last


def port_number(text: str, *, least: int) -> int:
    """A port from `least` to 65535. Raises Invalid."""
    if not (text.isascii() and text.isdigit() and least <= int(text) <= LAST_PORT):
        raise Invalid(
            f'invalid port specification: "{text}"', hint=f"a port is {least} to {LAST_PORT}"
        )
    return int(text)


def host_address(text: str) -> str:
    """An address of the host in canonical form, "" for "". Raises Invalid."""
    if not text:
        return ""
    try:
        return str(ipaddress.ip_address(text.strip("[]")))
    except ValueError:
        raise Invalid(
            f"invalid IP address: {text}", hint="publish on an address of this host"
        ) from None
