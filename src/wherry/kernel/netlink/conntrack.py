"""Connection tracking: UDP flows that the kernel remembers, found and forgotten (ctnetlink).

A flow keeps the translation, or the lack of one, with which it began, for as long as packets come:
UDP has no end that the kernel could see. linux/netfilter/nfnetlink_conntrack.h.
"""

from __future__ import annotations

import _socket
import contextlib
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from wherry.kernel.netlink.message import (
    Message,
    Request,
    attribute,
    attribute_table,
    nested,
    number,
    octet,
)
from wherry.kernel.netlink.socket import NETLINK_NETFILTER, NetlinkSocket

_SUBSYSTEM: Final = 1  # NFNL_SUBSYS_CTNETLINK
_NEW, _GET, _DELETE = 0, 1, 2
_GENERIC: Final = struct.Struct("!BBH")
_PORT: Final = struct.Struct("!H")
_ORIGINAL, _REPLY, _ZONE, _FILTER = 1, 2, 18, 25
_IP, _PROTO = 1, 2
_SOURCE: Final = {_socket.AF_INET: 1, _socket.AF_INET6: 3}
_DESTINATION: Final = {_socket.AF_INET: 2, _socket.AF_INET6: 4}
_NUMBER, _SOURCE_PORT, _DESTINATION_PORT = 1, 2, 3
_FILTER_ORIGINAL, _FILTER_REPLY = 1, 2
_BY_NUMBER, _BY_DESTINATION_PORT = 1 << 3, 1 << 5
UDP: Final = 17


@dataclass(frozen=True, slots=True)
class Flow:
    """One UDP flow: where its first packet was sent to, and from where answers come.

    Without a translation of the destination both are the same. `key` names the flow to the kernel.
    """

    address: str
    port: int
    answers_from: tuple[str, int]
    key: bytes


class ConntrackSocket:
    """Connection tracking of the network namespace in which it is opened; for one thread."""

    def __init__(self) -> None:
        self._socket = NetlinkSocket(NETLINK_NETFILTER)
        self._socket.make_room()

    def close(self) -> None:
        """Close it; a second call does nothing."""
        self._socket.close()

    def forget(self, family: int, stale: Callable[[Flow], bool], port: int = 0) -> int:
        """Forget the stale ones of the UDP flows to a port (0: to any); how many there were.

        The next packet of each begins a flow anew. `family` is AF_INET or AF_INET6. Takes some
        10 ms, in which the kernel walks its table. Raises OSError.
        """
        answers = self._socket.dump(_wanted(family, port))
        flows = [flow for answer in answers if (flow := read(answer)) is not None]
        doomed = [flow for flow in flows if port in (0, flow.port) and stale(flow)]
        for flow in doomed:
            with contextlib.suppress(FileNotFoundError):  # it ended meanwhile
                self._socket.execute(_request(_DELETE, family, flow.key, "forget a UDP flow"))
        return len(doomed)


def read(message: Message) -> Flow | None:
    """The flow of a message; None for what is no UDP flow."""
    if message.kind != _SUBSYSTEM << 8 | _NEW:
        return None
    try:
        found = attribute_table(message.body[_GENERIC.size :])
        protocol, target = _end(found[_ORIGINAL], _DESTINATION, _DESTINATION_PORT)
        _, source = _end(found[_REPLY], _SOURCE, _SOURCE_PORT)
    except (KeyError, ValueError, StopIteration, struct.error):
        return None
    if protocol != UDP:
        return None
    key = nested(_ORIGINAL, found[_ORIGINAL])
    if _ZONE in found:
        key += attribute(_ZONE, found[_ZONE])
    return Flow(*target, source, key)


def _end(value: bytes, kinds: Mapping[int, int], port: int) -> tuple[int, tuple[str, int]]:
    """Protocol, and address and port of one end of a tuple."""
    parts = attribute_table(value)
    addresses, proto = attribute_table(parts[_IP]), attribute_table(parts[_PROTO])
    family, kind = next(pair for pair in kinds.items() if pair[1] in addresses)
    (number_of_port,) = _PORT.unpack(proto.get(port, b"\0\0"))
    return proto[_NUMBER][0], (_socket.inet_ntop(family, addresses[kind]), number_of_port)


def _wanted(family: int, port: int) -> Request:
    """The kernel picks the flows; before Linux 5.8 it hands over all."""
    proto = nested(_PROTO, octet(_NUMBER, UDP), attribute(_DESTINATION_PORT, _PORT.pack(port)))
    flags = _BY_NUMBER | (_BY_DESTINATION_PORT if port else 0)
    narrowed = nested(_FILTER, number(_FILTER_ORIGINAL, flags), number(_FILTER_REPLY, 0))
    body = nested(_ORIGINAL, proto) + narrowed
    return _request(_GET, family, body, f"list UDP flows to port {port or 'any'}")


def _request(kind: int, family: int, body: bytes, about: str) -> Request:
    return Request(_SUBSYSTEM << 8 | kind, 0, _GENERIC.pack(family, 0, 0) + body, about)
