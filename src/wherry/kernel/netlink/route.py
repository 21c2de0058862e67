"""Routes (rtnetlink(7)): add, remove, list, and ask the kernel which one a packet would take.

`struct rtmsg` is family, dst prefix, src prefix, tos, table, protocol, scope, type, flags.
"""

from __future__ import annotations

import _socket
import struct
from dataclasses import dataclass
from typing import Final

from wherry.kernel.netlink.address import packed
from wherry.kernel.netlink.message import (
    NLM_F_CREATE,
    NLM_F_REPLACE,
    Message,
    Request,
    attribute,
    attribute_table,
    number,
    read_number,
)
from wherry.kernel.netlink.socket import NetlinkSocket

RTM_NEWROUTE: Final = 24
RTM_DELROUTE: Final = 25
RTM_GETROUTE: Final = 26
RTNLGRP_IPV4_ROUTE: Final = 7
RTNLGRP_IPV6_ROUTE: Final = 11
RT_TABLE_MAIN: Final = 254
RT_TABLE_LOCAL: Final = 255

_RTMSG: Final = struct.Struct("=BBBBBBBBI")
_RTPROT_STATIC = 4
_RTN_UNICAST = 1
_SCOPE_UNIVERSE = 0
_SCOPE_LINK = 253
_RTM_F_CLONED = 0x200
_RTA_DST = 1
_RTA_OIF = 4
_RTA_GATEWAY = 5
_RTA_PRIORITY = 6
_RTA_PREFSRC = 7
_RTA_METRICS = 8
_RTA_TABLE = 15
_RTAX_MTU = 2
_ANY = {_socket.AF_INET: "0.0.0.0", _socket.AF_INET6: "::"}
_UNREACHABLE = (101, 113, 22)  # ENETUNREACH, EHOSTUNREACH, EINVAL (prohibit and blackhole)


@dataclass(frozen=True, slots=True)
class Route:
    """One route. `cidr` is "0.0.0.0/0" or "::/0" for the default; `gateway`, `source` "" for none.

    `index` is the link, 0 for routes without one; `mtu` 0 where the route does not say.
    """

    cidr: str
    gateway: str
    index: int
    table: int
    kind: int
    metric: int
    source: str
    mtu: int

    @property
    def is_default(self) -> bool:
        """Whether it is taken when no other one fits."""
        return self.cidr in ("0.0.0.0/0", "::/0")

    @property
    def is_v6(self) -> bool:
        """Whether this is an IPv6 route."""
        return ":" in self.cidr


def _body(cidr: str, index: int, gateway: str, metric: int, source: str) -> bytes:
    destination, _, prefix = cidr.partition("/")
    family, value = packed(destination)
    length = int(prefix)
    scope = _SCOPE_UNIVERSE if gateway or family == _socket.AF_INET6 else _SCOPE_LINK
    body = _RTMSG.pack(
        family, length, 0, 0, RT_TABLE_MAIN, _RTPROT_STATIC, scope, _RTN_UNICAST, 0
    )  # fmt: skip
    body += attribute(_RTA_DST, value) if length else b""
    body += number(_RTA_OIF, index) if index else b""
    body += attribute(_RTA_GATEWAY, packed(gateway)[1]) if gateway else b""
    body += attribute(_RTA_PREFSRC, packed(source)[1]) if source else b""
    return body + (number(_RTA_PRIORITY, metric) if metric else b"")


def add(
    cidr: str, *, index: int = 0, gateway: str = "", metric: int = 0, source: str = ""
) -> Request:
    """Set a route in the main table, in place of one with the same destination and metric."""
    body = _body(cidr, index, gateway, metric, source)
    what = f"add route {cidr} via {gateway or f'link {index}'}"
    return Request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, body, what)


def remove(cidr: str, *, index: int = 0, gateway: str = "", metric: int = 0) -> Request:
    """Remove a route from the main table."""
    body = _body(cidr, index, gateway, metric, "")
    return Request(RTM_DELROUTE, 0, body, f"remove route {cidr}")


def dump(socket: NetlinkSocket, *, local: bool = True) -> list[Route]:
    """The routes of every table, both families, without the cached ones.

    Without `local` the kernel's own table is left out: four routes for every address that a link
    has, most of what there is on a host with many bridges.
    """
    found = []
    for family in (_socket.AF_INET, _socket.AF_INET6):
        body = _RTMSG.pack(family, 0, 0, 0, 0, 0, 0, 0, 0)
        for answer in socket.dump(Request(RTM_GETROUTE, 0, body, "list routes")):
            header = _RTMSG.unpack_from(answer.body)
            if not header[8] & _RTM_F_CLONED and (local or header[4] != RT_TABLE_LOCAL):
                found.append(read(answer))
    return found


def lookup(socket: NetlinkSocket, destination: str) -> Route | None:
    """The route that a packet of ours to `destination` takes now, None where there is none."""
    family, value = packed(destination)
    body = _RTMSG.pack(family, len(value) * 8, 0, 0, 0, 0, 0, 0, 0) + attribute(_RTA_DST, value)
    try:
        return read(socket.get(Request(RTM_GETROUTE, 0, body, f"route to {destination}")))
    except OSError as error:
        if error.errno not in _UNREACHABLE:
            raise
        return None


def read(message: Message) -> Route:
    """The route that a message is about."""
    family, prefix, _, _, table, _, _, kind, _ = _RTMSG.unpack_from(message.body)
    found = attribute_table(message.body[_RTMSG.size :])
    metrics = attribute_table(found.get(_RTA_METRICS, b""))

    def address(attribute_type: int) -> str:
        value = found.get(attribute_type)
        return _socket.inet_ntop(family, value) if value else ""

    return Route(
        cidr=f"{address(_RTA_DST) or _ANY[family]}/{prefix}",
        gateway=address(_RTA_GATEWAY),
        index=read_number(found.get(_RTA_OIF, b"")),
        table=read_number(found.get(_RTA_TABLE, b"")) or table,
        kind=kind,
        metric=read_number(found.get(_RTA_PRIORITY, b"")),
        source=address(_RTA_PREFSRC),
        mtu=read_number(metrics.get(_RTAX_MTU, b"")),
    )
