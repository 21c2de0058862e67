"""The redirection of 127.0.0.11:53 to the server's ports, as one nftables batch inside a namespace.

Stateless: the port is written into the packets in the output hook, before connection tracking,
which is told to pass them over. So questions use up no entries of the connection table (1,000 a
second would hold 30,000), the namespace needs neither NAT nor tracking, and what a container does
with its own NAT rules (Docker in Docker) does not meet ours. On loopback every packet leaves once,
so the output hook sees both directions. A container may still listen on port 53 itself.

Sources: linux/netfilter/nf_tables.h, nfnetlink.h; nft(8) "notrack", "payload statement".
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from typing import Final

from wherry.engine.networks.dns.settings import Ports
from wherry.kernel.netlink.message import (
    NLM_F_ACK,
    NLM_F_APPEND,
    NLM_F_CREATE,
    NLMSG_ERROR,
    Request,
    attribute,
    failure,
    nested,
    text,
)
from wherry.kernel.netlink.socket import NETLINK_NETFILTER, NetlinkSocket

TABLE: Final = "wherry-dns"
DNS_PORT: Final = 53

_SUBSYSTEM: Final = 10  # NFNL_SUBSYS_NFTABLES
_BATCH_BEGIN, _BATCH_END = 0x10, 0x11
_NEW_TABLE, _NEW_CHAIN, _NEW_RULE = 0, 3, 6
_OUTPUT: Final = 3  # NF_INET_LOCAL_OUT
_RAW: Final = -300  # NF_IP_PRI_RAW, before connection tracking
_NETWORK, _TRANSPORT = 1, 2  # headers that a payload expression counts from
_SOURCE, _DESTINATION = 12, 16  # offsets of the addresses in IPv4's header
_SOURCE_PORT, _DESTINATION_PORT = 0, 2
_CHECKSUM: Final = {socket.IPPROTO_UDP: 6, socket.IPPROTO_TCP: 16}
_META_L4PROTO: Final = 16
_REGISTER: Final = 1


def redirect_inside(address: str, ports: Ports) -> None:
    """Set the redirection up in the calling thread's namespace. Raises OSError, nothing is left."""
    with NetlinkSocket(NETLINK_NETFILTER) as netlink:
        last = _send(netlink, list(_requests(address, ports)))
        while True:
            for message in netlink.receive():
                if message.kind == NLMSG_ERROR:
                    error = failure(message, "redirect DNS inside a container's network")
                    if error is not None:
                        raise error
                    if message.sequence == last:
                        return


def _send(netlink: NetlinkSocket, requests: list[Request]) -> int:
    """Send the batch; only its last rule is acknowledged, failures always are."""
    first = netlink.next_sequence(len(requests) + 2)
    last = first + len(requests)
    parts = [_request(_BATCH_BEGIN, 0, b"", batch=True).encode(first)]
    for sequence, request in enumerate(requests, first + 1):
        flags = request.flags | (NLM_F_ACK if sequence == last else 0)
        parts.append(Request(request.kind, flags, request.body).encode(sequence))
    parts.append(_request(_BATCH_END, 0, b"", batch=True).encode(last + 1))
    netlink.send(b"".join(parts))
    return last


def _requests(address: str, ports: Ports) -> Iterator[Request]:
    yield _request(_NEW_TABLE, NLM_F_CREATE, text(1, TABLE))
    hook = nested(4, _number(1, _OUTPUT), _number(2, _RAW & 0xFFFFFFFF))
    chain = text(1, TABLE) + text(3, "output") + hook + text(7, "filter")
    yield _request(_NEW_CHAIN, NLM_F_CREATE, chain)
    place = socket.inet_aton(address)
    for protocol, port in ((socket.IPPROTO_UDP, ports.udp), (socket.IPPROTO_TCP, ports.tcp)):
        there = _rewrite(protocol, _DESTINATION, place, _DESTINATION_PORT, DNS_PORT, port)
        back = _rewrite(protocol, _SOURCE, place, _SOURCE_PORT, port, DNS_PORT)
        for expressions in (there, back):
            rule = text(1, TABLE) + text(2, "output") + nested(4, *expressions)
            yield _request(_NEW_RULE, NLM_F_CREATE | NLM_F_APPEND, rule)


def _rewrite(
    protocol: int, address_at: int, address: bytes, port_at: int, old: int, new: int
) -> list[bytes]:
    """`ip saddr|daddr ADDRESS udp|tcp sport|dport OLD notrack udp|tcp sport|dport set NEW`."""
    return [
        _expression("payload", _load(_NETWORK, address_at, len(address))),
        _expression("cmp", _equals(address)),
        _expression("meta", _number(1, _REGISTER) + _number(2, _META_L4PROTO)),
        _expression("cmp", _equals(bytes((protocol,)))),
        _expression("payload", _load(_TRANSPORT, port_at, 2)),
        _expression("cmp", _equals(struct.pack("!H", old))),
        _expression("notrack", b""),
        _expression("immediate", _number(1, _REGISTER) + _value(2, struct.pack("!H", new))),
        _expression("payload", _store(port_at, _CHECKSUM[protocol])),
    ]


def _load(header: int, offset: int, size: int) -> bytes:
    return _number(1, _REGISTER) + _number(2, header) + _number(3, offset) + _number(4, size)


def _store(offset: int, checksum_at: int) -> bytes:
    """Write two bytes into the transport header and mend its checksum (NFT_PAYLOAD_CSUM_INET)."""
    where = _number(2, _TRANSPORT) + _number(3, offset) + _number(4, 2)
    return where + _number(5, _REGISTER) + _number(6, 1) + _number(7, checksum_at)


def _equals(value: bytes) -> bytes:
    return _number(1, _REGISTER) + _number(2, 0) + _value(3, value)


def _value(kind: int, value: bytes) -> bytes:
    return nested(kind, attribute(1, value))


def _expression(name: str, data: bytes) -> bytes:
    return nested(1, text(1, name), nested(2, data))


def _number(kind: int, value: int) -> bytes:
    """nf_tables' numbers are in network order, unlike those of the rest of netlink."""
    return attribute(kind, struct.pack("!I", value))


def _request(kind: int, flags: int, body: bytes, *, batch: bool = False) -> Request:
    """A message of nf_tables for IPv4, or the begin or end of a batch."""
    if batch:
        return Request(kind, flags, struct.pack("!BBH", 0, 0, _SUBSYSTEM) + body)
    family = struct.pack("!BBH", socket.AF_INET, 0, 0)
    return Request(_SUBSYSTEM << 8 | kind, flags, family + body)
