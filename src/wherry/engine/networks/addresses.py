"""Reading addresses as clients write them, and making hardware addresses.

What is right comes back in canonical text (`wherry.engine.networks.values`); what is wrong raises
Invalid with Docker's words and the remedy.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from typing import Final, TypeAlias

from wherry.errors import Invalid

Block: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_MAC: Final = re.compile(r"[0-9a-f]{2}([:-][0-9a-f]{2}){5}")
_LOCAL_PREFIX: Final = b"\x02\x42"
"""Locally administered, unicast; the two bytes by which people know a container's address."""


def block(text: str, what: str) -> Block:
    """A subnet or range in CIDR form. `what` is Docker's word for it. Raises Invalid."""
    if "/" not in text:
        raise Invalid(
            f"invalid {what} {text}: invalid CIDR block notation",
            hint="write ADDRESS/PREFIX, for instance 10.5.0.0/24",
        )
    try:
        found = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise Invalid(
            f"invalid {what} {text}: invalid CIDR block notation",
            hint="write ADDRESS/PREFIX, for instance 10.5.0.0/24 or fd00:5::/64",
        ) from None
    if str(found.network_address) != str(ipaddress.ip_address(text.partition("/")[0])):
        raise Invalid(f"invalid {what} {text}: it should be {found}")
    return found


def inner(text: str, within: Block, what: str) -> Address:
    """An address that must lie within a subnet. Raises Invalid."""
    found = address(text, what)
    if found.version != within.version:
        raise Invalid(f"invalid {what} {text}: parent subnet is an IPv{within.version} block")
    if found not in within:
        raise Invalid(
            f"invalid {what} {text}: parent subnet {within} doesn't contain this address",
            hint=f"choose one from {within[0]} to {within[-1]}",
        )
    return found


def address(text: str, what: str) -> Address:
    """An address without a prefix. Raises Invalid."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        raise Invalid(f"invalid {what} {text}: invalid address") from None


def hardware_address(text: str) -> str:
    """A MAC address in lower case with colons, "" for "". Raises Invalid."""
    lowered = text.lower()
    if lowered and _MAC.fullmatch(lowered) is None:
        raise Invalid(
            f"invalid MAC address: {text}", hint="write six pairs of hex digits: 02:42:ac:11:00:02"
        )
    return lowered.replace("-", ":")


def hardware_address_of(text: str) -> str:
    """The MAC address of an endpoint that did not ask for one, made of its address.

    Whoever gets the same address later has the same MAC, so that no neighbour cache goes stale.
    """
    packed = ipaddress.ip_address(text).packed
    tail = packed if len(packed) == 4 else hashlib.sha256(packed).digest()[:4]
    return (_LOCAL_PREFIX + tail).hex(":")
