"""Links: bridges, veth pairs, macvlan, ipvlan, dummy; their state and counters.

Sources: rtnetlink(7), linux/if_link.h. `struct ifinfomsg` is family, type, index, flags, change.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from wherry.kernel.netlink.message import (
    NLM_F_CREATE,
    NLM_F_EXCL,
    Message,
    Request,
    attribute,
    attribute_table,
    nested,
    number,
    octet,
    read_number,
    read_text,
    text,
)
from wherry.kernel.netlink.socket import NetlinkSocket

RTM_NEWLINK: Final = 16
RTM_DELLINK: Final = 17
RTM_GETLINK: Final = 18
RTM_SETLINK: Final = 19
RTNLGRP_LINK: Final = 1

IFF_UP: Final = 0x1
IFF_LOOPBACK: Final = 0x8
IFNAMSIZ: Final = 16
"""Room for a name with its NUL: names have at most 15 bytes."""

MACVLAN_MODES: Final[Mapping[str, int]] = {
    "private": 1, "vepa": 2, "bridge": 4, "passthru": 8,
}  # fmt: skip
IPVLAN_MODES: Final[Mapping[str, int]] = {"l2": 0, "l3": 1, "l3s": 2}
IPVLAN_FLAGS: Final[Mapping[str, int]] = {"bridge": 0, "private": 1, "vepa": 2}

_IFINFO: Final = struct.Struct("=BxHiII")
_U16: Final = struct.Struct("=H")
_AF_BRIDGE: Final = 7

_IFLA_ADDRESS = 1
_IFLA_IFNAME = 3
_IFLA_MTU = 4
_IFLA_LINK = 5
_IFLA_MASTER = 10
_IFLA_LINKINFO = 18
_IFLA_IFALIAS = 20
_IFLA_STATS64 = 23
_IFLA_GROUP = 27
_IFLA_NET_NS_FD = 28
_IFLA_EXT_MASK = 29
_IFLA_INFO_KIND = 1
_IFLA_INFO_DATA = 2
_IFLA_PROTINFO = 12
_IFLA_BRPORT_ISOLATED = 33
_VETH_INFO_PEER = 1
_IFLA_MACVLAN_MODE = 1
_IFLA_IPVLAN_MODE = 1
_IFLA_IPVLAN_FLAGS = 2
_RTEXT_FILTER_SKIP_STATS = 8
# rtnl_link_stats64: (rx, tx) packets, bytes, errors, dropped are its first eight numbers.
_STATS: Final = struct.Struct("=8Q")


@dataclass(frozen=True, slots=True)
class LinkStats:
    """Counters of one link since it was made."""

    rx_packets: int
    tx_packets: int
    rx_bytes: int
    tx_bytes: int
    rx_errors: int
    tx_errors: int
    rx_dropped: int
    tx_dropped: int


@dataclass(frozen=True, slots=True)
class Link:
    """What the kernel says of one link. `master` and `parent` are indexes, 0 for none."""

    index: int
    name: str
    flags: int
    mtu: int
    mac: str
    kind: str
    master: int
    parent: int
    alias: str
    stats: LinkStats | None

    @property
    def up(self) -> bool:
        """Whether it was set up (its cable may still be missing)."""
        return bool(self.flags & IFF_UP)


@dataclass(frozen=True, slots=True)
class Peer:
    """The inner end of a veth pair; `namespace` is a descriptor, None for the caller's own."""

    name: str
    mac: str = ""
    namespace: int | None = None


def hardware_address(mac: str) -> bytes:
    """The six bytes of a MAC address as text. Raises ValueError."""
    return bytes.fromhex(mac.replace(":", ""))


def _info(index: int = 0, flags: int = 0, change: int = 0, family: int = 0) -> bytes:
    return _IFINFO.pack(family, 0, index, flags, change)


def _kind(kind: str, *data: bytes) -> bytes:
    inner = (nested(_IFLA_INFO_DATA, *data),) if data else ()
    return nested(_IFLA_LINKINFO, text(_IFLA_INFO_KIND, kind), *inner)


def _name(name: str) -> bytes:
    if not 0 < len(name.encode()) < IFNAMSIZ:
        raise ValueError(f"link name {name!r} has not 1 to 15 bytes")
    return text(_IFLA_IFNAME, name)


def _mac(mac: str) -> bytes:
    return attribute(_IFLA_ADDRESS, hardware_address(mac)) if mac else b""


def _create(name: str, *parts: bytes, up: bool = False) -> Request:
    flags = IFF_UP if up else 0
    body = _info(0, flags, flags) + _name(name) + b"".join(parts)
    return Request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, body, f"create link {name}")


def new_bridge(name: str, *, mac: str = "", mtu: int = 0) -> Request:
    """Create a bridge, down."""
    return _create(name, _mac(mac), _mtu(mtu), _kind("bridge"))


def new_dummy(name: str, *, mtu: int = 0) -> Request:
    """Create a link that leads nowhere, down."""
    return _create(name, _mtu(mtu), _kind("dummy"))


def _mtu(mtu: int) -> bytes:
    return number(_IFLA_MTU, mtu) if mtu else b""


def new_veth(name: str, peer: Peer, *, master: int = 0, mtu: int = 0) -> Request:
    """Create a pair in one message: the outer end up and a port of `master`, the inner one down.

    The inner end cannot be up at once: the kernel opens it before the outer end is known to it.
    """
    where = b"" if peer.namespace is None else number(_IFLA_NET_NS_FD, peer.namespace)
    inner = _info() + _name(peer.name) + _mac(peer.mac) + _mtu(mtu) + where
    port = number(_IFLA_MASTER, master) if master else b""
    pair = _kind("veth", attribute(_VETH_INFO_PEER, inner))
    return _create(name, _mtu(mtu), port, pair, up=True)


def new_macvlan(
    name: str, parent: int, mode: int, *, mac: str = "", mtu: int = 0, namespace: int | None = None
) -> Request:
    """Create a link with a MAC address of its own on top of another; see MACVLAN_MODES."""
    data = _kind("macvlan", number(_IFLA_MACVLAN_MODE, mode))
    return _create(name, _mac(mac), _mtu(mtu), number(_IFLA_LINK, parent), _into(namespace), data)


def new_ipvlan(
    name: str, parent: int, mode: int, flags: int, *, mtu: int = 0, namespace: int | None = None
) -> Request:
    """Create a link that shares the MAC address of the one below; see IPVLAN_MODES."""
    data = _kind(
        "ipvlan",
        attribute(_IFLA_IPVLAN_MODE, _U16.pack(mode)),
        attribute(_IFLA_IPVLAN_FLAGS, _U16.pack(flags)),
    )
    return _create(name, _mtu(mtu), number(_IFLA_LINK, parent), _into(namespace), data)


def _into(namespace: int | None) -> bytes:
    return b"" if namespace is None else number(_IFLA_NET_NS_FD, namespace)


def new_vlan(name: str, parent: int, tag: int) -> Request:
    """Create the sub-interface of `parent` for one VLAN tag (802.1Q), down."""
    data = _kind("vlan", attribute(1, _U16.pack(tag)))
    return _create(name, number(_IFLA_LINK, parent), data)


def change(
    index: int,
    *,
    up: bool | None = None,
    name: str = "",
    mac: str = "",
    mtu: int = 0,
    master: int | None = None,
    alias: str | None = None,
    namespace: int | None = None,
) -> Request:
    """Change what is given of a link; `master` 0 takes it off its bridge."""
    body = _info(index, IFF_UP if up else 0, 0 if up is None else IFF_UP)
    body += (_name(name) if name else b"") + _mac(mac) + _mtu(mtu) + _into(namespace)
    body += b"" if master is None else number(_IFLA_MASTER, master)
    body += b"" if alias is None else attribute(_IFLA_IFALIAS, alias.encode())
    return Request(RTM_NEWLINK, 0, body, f"change link {name or index}")


def set_port_isolation(index: int, isolated: bool) -> Request:
    """Let a bridge port exchange frames only with ports that are not isolated (bridge(8))."""
    body = _info(index, family=_AF_BRIDGE)
    body += nested(_IFLA_PROTINFO, octet(_IFLA_BRPORT_ISOLATED, int(isolated)))
    # Not RTM_NEWLINK, which takes the message and ignores what is about the port.
    return Request(RTM_SETLINK, 0, body, f"isolate port {index}")


def delete(index: int) -> Request:
    """Delete a link; a veth's other end goes with it. Waits 16 to 20 ms for RCU."""
    return Request(RTM_DELLINK, 0, _info(index), f"delete link {index}")


def by_name(socket: NetlinkSocket, name: str) -> Link:
    """One link. Raises OSError(ENODEV)."""
    request = Request(RTM_GETLINK, 0, _info() + _name(name), f"link {name}")
    return read(socket.get(request))


def by_index(socket: NetlinkSocket, index: int) -> Link:
    """One link. Raises OSError(ENODEV)."""
    return read(socket.get(Request(RTM_GETLINK, 0, _info(index), f"link {index}")))


def find(socket: NetlinkSocket, name: str) -> Link | None:
    """One link, or None. Raises OSError for anything but its absence."""
    try:
        return by_name(socket, name)
    except OSError as error:
        if error.errno != _ENODEV:
            raise
        return None


_ENODEV = 19


def dump(socket: NetlinkSocket) -> list[Link]:
    """Every link of the namespace."""
    body = _info() + number(_IFLA_EXT_MASK, _RTEXT_FILTER_SKIP_STATS)
    return [read(answer) for answer in socket.dump(Request(RTM_GETLINK, 0, body, "list links"))]


def read(message: Message) -> Link:
    """The link that a message of RTM_NEWLINK or RTM_DELLINK is about."""
    _, _, index, flags, _ = _IFINFO.unpack_from(message.body)
    found = attribute_table(message.body[_IFINFO.size :])
    info = attribute_table(found.get(_IFLA_LINKINFO, b""))
    stats = found.get(_IFLA_STATS64)
    return Link(
        index=index,
        name=read_text(found.get(_IFLA_IFNAME, b"")),
        flags=flags,
        mtu=read_number(found.get(_IFLA_MTU, b"")),
        mac=found.get(_IFLA_ADDRESS, b"").hex(":"),
        kind=read_text(info.get(_IFLA_INFO_KIND, b"")),
        master=read_number(found.get(_IFLA_MASTER, b"")),
        parent=read_number(found.get(_IFLA_LINK, b"")),
        alias=read_text(found.get(_IFLA_IFALIAS, b"")),
        stats=LinkStats(*_STATS.unpack_from(stats)) if stats else None,
    )
