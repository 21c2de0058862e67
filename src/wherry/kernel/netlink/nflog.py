"""Packets that nftables' `log group N` hands to user space (linux/netfilter/nfnetlink_log.h).

The socket opens a group in the caller's network namespace; `decode` reads messages and the first
bytes of packets, without I/O.
"""

from __future__ import annotations

import _socket
import errno
import struct
from dataclasses import dataclass
from typing import Final

from wherry.kernel.netlink.message import Message, Request, attribute, attribute_table
from wherry.kernel.netlink.socket import NETLINK_NETFILTER, NetlinkSocket

_SUBSYSTEM: Final = 4  # NFNL_SUBSYS_ULOG
_PACKET, _CONFIG = 0, 1
_CFG_CMD, _CFG_MODE, _CFG_QTHRESH = 1, 2, 5
_BIND: Final = 1
_COPY_PACKET: Final = 2
_PAYLOAD: Final = 9
_GENERIC: Final = struct.Struct("!BBH")
_SNAP: Final = 128
"""Bytes of each packet that are wanted: its headers."""

PROTOCOLS: Final = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6", 132: "sctp"}
_WITH_PORTS: Final = (6, 17, 132)


@dataclass(frozen=True, slots=True)
class LoggedPacket:
    """Where a packet came from and where it was going; `port` is 0 for protocols without ports."""

    source: str
    destination: str
    protocol: str
    port: int


class LogSocket:
    """Receives one group; nobody else may have it (EBUSY)."""

    def __init__(self, group: int) -> None:
        self._socket = NetlinkSocket(NETLINK_NETFILTER)
        try:
            self._socket.execute(_config(group, _CFG_CMD, bytes((_BIND,))))
            mode = struct.pack("!IBB", _SNAP, _COPY_PACKET, 0)
            self._socket.execute(_config(group, _CFG_MODE, mode))
            # Hand each up at once: a container that ends a moment later is still known then.
            at_once = struct.pack("!I", 1)
            self._socket.execute(_config(group, _CFG_QTHRESH, at_once))
        except BaseException:
            self._socket.close()
            raise

    def fileno(self) -> int:
        """Readable when packets came."""
        return self._socket.fileno()

    def close(self) -> None:
        """Give the group up; a second call does nothing."""
        self._socket.close()

    def packets(self) -> list[LoggedPacket]:
        """What came since the last call; what did not fit the buffer is lost."""
        try:
            messages = self._socket.pending()
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            return []
        return [packet for message in messages if (packet := decode(message)) is not None]


def decode(message: Message) -> LoggedPacket | None:
    """The packet of a message; None for other messages and for packets that are not IP."""
    if message.kind != _SUBSYSTEM << 8 | _PACKET:
        return None
    try:
        payload = attribute_table(message.body[_GENERIC.size :]).get(_PAYLOAD, b"")
    except ValueError:
        return None
    return decode_packet(payload)


def decode_packet(data: bytes) -> LoggedPacket | None:
    """What an IPv4 or IPv6 packet's first bytes tell; None where they do not.

    Of IPv6 extension headers none is followed: such packets are told without a port.
    """
    version = data[0] >> 4 if data else 0
    if version == 4 and len(data) >= 20:
        family, addresses, protocol, end = _socket.AF_INET, data[12:20], data[9], (data[0] & 15) * 4
    elif version == 6 and len(data) >= 40:
        family, addresses, protocol, end = _socket.AF_INET6, data[8:40], data[6], 40
    else:
        return None
    half = len(addresses) // 2
    port = 0
    if protocol in _WITH_PORTS and len(data) >= end + 4:
        (port,) = struct.unpack_from("!H", data, end + 2)
    return LoggedPacket(
        _socket.inet_ntop(family, addresses[:half]),
        _socket.inet_ntop(family, addresses[half:]),
        PROTOCOLS.get(protocol, str(protocol)),
        port,
    )


def _config(group: int, kind: int, value: bytes) -> Request:
    body = _GENERIC.pack(0, 0, group) + attribute(kind, value)
    return Request(_SUBSYSTEM << 8 | _CONFIG, 0, body, f"receive nflog group {group}")
