"""Neighbours: which MAC address answers for an IP address (rtnetlink(7), `struct ndmsg`)."""

from __future__ import annotations

import _socket
import struct
from dataclasses import dataclass
from typing import Final

from wherry.kernel.netlink.address import packed
from wherry.kernel.netlink.link import hardware_address
from wherry.kernel.netlink.message import (
    NLM_F_CREATE,
    NLM_F_REPLACE,
    Message,
    Request,
    attribute,
    attribute_table,
)
from wherry.kernel.netlink.socket import NetlinkSocket

RTM_NEWNEIGH: Final = 28
RTM_DELNEIGH: Final = 29
RTM_GETNEIGH: Final = 30

_NDMSG: Final = struct.Struct("=BxxxiHBB")
_NDA_DST = 1
_NDA_LLADDR = 2
_NUD_NOARP = 0x40
_NUD_PERMANENT = 0x80
_NTF_MASTER = 0x04
_AF_BRIDGE = 7


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One entry of the table; `mac` is "" while it is not known, `state` as in rtnetlink(7)."""

    index: int
    address: str
    mac: str
    state: int


def add(index: int, address: str, mac: str) -> Request:
    """A permanent entry, in place of what was there."""
    family, value = packed(address)
    body = _NDMSG.pack(family, index, _NUD_PERMANENT, 0, 0) + attribute(_NDA_DST, value)
    body += attribute(_NDA_LLADDR, hardware_address(mac))
    what = f"add neighbour {address} on link {index}"
    return Request(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, body, what)


def add_station(port: int, mac: str) -> Request:
    """Tell a bridge for good that a MAC address is behind one of its ports (bridge(8), "fdb")."""
    body = _NDMSG.pack(_AF_BRIDGE, port, _NUD_NOARP, _NTF_MASTER, 0)
    body += attribute(_NDA_LLADDR, hardware_address(mac))
    what = f"add station {mac} to port {port}"
    return Request(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, body, what)


def remove(index: int, address: str) -> Request:
    """Forget an entry."""
    family, value = packed(address)
    body = _NDMSG.pack(family, index, 0, 0, 0) + attribute(_NDA_DST, value)
    return Request(RTM_DELNEIGH, 0, body, f"remove neighbour {address} from link {index}")


def dump(socket: NetlinkSocket) -> list[Neighbour]:
    """Every entry for an IP address."""
    request = Request(RTM_GETNEIGH, 0, _NDMSG.pack(0, 0, 0, 0, 0), "list neighbours")
    rows = (read(answer) for answer in socket.dump(request))
    return [row for row in rows if row.address]


def read(message: Message) -> Neighbour:
    """The entry that a message is about."""
    family, index, state, _, _ = _NDMSG.unpack_from(message.body)
    found = attribute_table(message.body[_NDMSG.size :])
    value = found.get(_NDA_DST, b"")
    known = family in (_socket.AF_INET, _socket.AF_INET6) and value
    address = _socket.inet_ntop(family, value) if known else ""
    return Neighbour(index, address, found.get(_NDA_LLADDR, b"").hex(":"), state)
