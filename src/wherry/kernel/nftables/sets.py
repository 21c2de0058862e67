"""Sets and maps of nftables by type: their declaration, and their elements as bytes and as text.

Elements are tuples of text, one value a field: ("tcp", "127.0.0.1", "80"). In sets with intervals
an address may be a subnet, and a port a range ("80-90"). No I/O. Source: nft(8), "SETS", "MAPS".
"""

from __future__ import annotations

import _socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from wherry.kernel.netlink.message import padded
from wherry.kernel.nftables.message import Element

Fields = tuple[str, ...]

PROTOCOLS: Final[Mapping[str, int]] = {"icmp": 1, "tcp": 6, "udp": 17, "icmpv6": 58, "sctp": 132}
_IFNAMSIZ: Final = 16


@dataclass(frozen=True, slots=True)
class SetType:
    """A set, or a map where there is `data`; `key` and `data` are nft's type names."""

    name: str
    key: Fields
    data: Fields = ()
    interval: bool = False
    timeout: bool = False

    def declaration(self) -> str:
        """What `nft -f` takes to make it."""
        kind = " . ".join(self.key) + (f" : {' . '.join(self.data)}" if self.data else "")
        flags = [name for name in ("interval", "timeout") if getattr(self, name)]
        told = f" flags {', '.join(flags)};" if flags else ""
        return f"{'map' if self.data else 'set'} {self.name} {{ type {kind};{told} }}"

    def text(self, key: Fields, data: Fields = (), timeout: float = 0.0) -> str:
        """One element as `nft -f` takes it."""
        left = " . ".join(map(_as_text, self.key, key))
        limit = f" timeout {max(1, int(timeout))}s" if timeout else ""
        right = f" : {' . '.join(map(_as_text, self.data, data))}" if data else ""
        return left + limit + right

    def elements(self, key: Fields, data: Fields = (), timeout: float = 0.0) -> tuple[Element, ...]:
        """One element as netlink takes it: two for an interval in a set of one field."""
        first = b"".join(padded(_ends(*pair)[0]) for pair in zip(self.key, key, strict=True))
        right = b"".join(padded(_one(*pair)) for pair in zip(self.data, data, strict=True))
        if not self.interval:
            return (Element(first, right, timeout),)
        last = b"".join(padded(_ends(*pair)[1]) for pair in zip(self.key, key, strict=True))
        if len(self.key) > 1:
            return (Element(first, right, timeout, last=last),)
        behind = int.from_bytes(last, "big") + 1
        if behind >> len(last) * 8:
            return (Element(first, right, timeout),)
        end = Element(behind.to_bytes(len(last), "big"), interval_end=True)
        return (Element(first, right, timeout), end)


def _as_text(kind: str, value: str) -> str:
    return f'"{value}"' if kind == "ifname" else value


def _one(kind: str, value: str) -> bytes:
    match kind:
        case "ipv4_addr":
            return _socket.inet_pton(_socket.AF_INET, value)
        case "ipv6_addr":
            return _socket.inet_pton(_socket.AF_INET6, value)
        case "inet_service":
            return struct.pack("!H", int(value))
        case "inet_proto":
            return bytes((PROTOCOLS[value],))
        case "ifname":
            return value.encode().ljust(_IFNAMSIZ, b"\0")
        case _:
            raise ValueError(f"no nftables type {kind}")


def _ends(kind: str, value: str) -> tuple[bytes, bytes]:
    """First and last value of a subnet or of a range of ports; both the same for a single one."""
    if kind in ("ipv4_addr", "ipv6_addr") and "/" in value:
        start, _, length = value.partition("/")
        first = _one(kind, start)
        span = (1 << (len(first) * 8 - int(length))) - 1
        return first, (int.from_bytes(first, "big") | span).to_bytes(len(first), "big")
    if kind == "inet_service" and "-" in value:
        low, _, high = value.partition("-")
        return _one(kind, low), _one(kind, high)
    return _one(kind, value), _one(kind, value)
