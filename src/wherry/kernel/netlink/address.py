"""Addresses of links (rtnetlink(7)); `struct ifaddrmsg` is family, prefix, flags, scope, index."""

from __future__ import annotations

import _socket
import struct
from dataclasses import dataclass
from typing import Final

from wherry.kernel.netlink.message import (
    NLM_F_CREATE,
    NLM_F_REPLACE,
    Message,
    Request,
    attribute,
    attribute_table,
    number,
)
from wherry.kernel.netlink.socket import NetlinkSocket

RTM_NEWADDR: Final = 20
RTM_DELADDR: Final = 21
RTM_GETADDR: Final = 22
RTNLGRP_IPV4_IFADDR: Final = 5
RTNLGRP_IPV6_IFADDR: Final = 9

_IFADDR: Final = struct.Struct("=BBBBI")
_IFA_ADDRESS = 1
_IFA_LOCAL = 2
_IFA_BROADCAST = 4
_IFA_FLAGS = 8
_IFA_F_NODAD = 0x02
_IFA_F_NOPREFIXROUTE = 0x200
_SCOPE_UNIVERSE = 0
_SCOPE_LINK = 253


@dataclass(frozen=True, slots=True)
class Address:
    """One address of a link; `scope` as in rtnetlink(7), 0 for global."""

    index: int
    address: str
    prefix: int
    scope: int


def packed(address: str) -> tuple[int, bytes]:
    """(family, bytes) of an address as text. Raises ValueError for anything else."""
    family = _socket.AF_INET6 if ":" in address else _socket.AF_INET
    try:
        return family, _socket.inet_pton(family, address)
    except OSError:
        raise ValueError(f"{address!r} is no address") from None


def _body(index: int, address: str, prefix: int, flags: int = 0) -> bytes:
    family, value = packed(address)
    scope = _SCOPE_LINK if address.startswith(("169.254.", "fe80:")) else _SCOPE_UNIVERSE
    body = _IFADDR.pack(family, prefix, flags & 0xFF, scope, index)
    body += attribute(_IFA_LOCAL, value) + attribute(_IFA_ADDRESS, value)
    return body + (number(_IFA_FLAGS, flags) if flags else b"")


def add(index: int, address: str, prefix: int, *, connected: bool = True) -> Request:
    """Give a link an address; no error when it has it. `connected`: with the route to its subnet.

    IPv6 addresses are usable at once: no duplicate address detection, since we hand them out.
    """
    flags = 0 if connected else _IFA_F_NOPREFIXROUTE
    if ":" in address:
        flags |= _IFA_F_NODAD
    body = _body(index, address, prefix, flags)
    if ":" not in address and prefix < 31:
        body += attribute(_IFA_BROADCAST, _broadcast(address, prefix))
    what = f"add address {address}/{prefix} to link {index}"
    return Request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, body, what)


def _broadcast(address: str, prefix: int) -> bytes:
    value = int.from_bytes(packed(address)[1], "big") | (0xFFFFFFFF >> prefix)
    return value.to_bytes(4, "big")


def remove(index: int, address: str, prefix: int) -> Request:
    """Take an address from a link."""
    what = f"remove address {address}/{prefix} from link {index}"
    return Request(RTM_DELADDR, 0, _body(index, address, prefix), what)


def dump(socket: NetlinkSocket, index: int = 0) -> list[Address]:
    """Every address of the namespace, or of one link."""
    request = Request(RTM_GETADDR, 0, _IFADDR.pack(0, 0, 0, 0, 0), "list addresses")
    found = [read(answer) for answer in socket.dump(request)]
    return [row for row in found if index in (0, row.index)]


def read(message: Message) -> Address:
    """The address that a message is about."""
    family, prefix, _, scope, index = _IFADDR.unpack_from(message.body)
    found = attribute_table(message.body[_IFADDR.size :])
    # IFA_LOCAL is our own end where IFA_ADDRESS is the other one (point to point).
    value = found.get(_IFA_LOCAL) or found.get(_IFA_ADDRESS, b"")
    return Address(index, _socket.inet_ntop(family, value), prefix, scope)
