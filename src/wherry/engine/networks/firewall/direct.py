"""Published ports without translation on the host: the packet goes to the container as it came.

A verdict `accept` ends one chain, not the others at the same hook, so no rule of ours helps against
a firewall of the user's that drops what the host forwards. But only forwarded packets meet it. Here
the host does not forward: `dup` sends a copy of the packet, headers untouched, straight to the
container (a packet that the host itself sends: hook output), and the original is dropped. The
container's own namespace translates address and port, and back, with its own connection tracking;
its answer comes with the host's address as its source and is sent on in the same way. Routes,
addresses and source addresses are all kept, nothing of the user's rules is touched, and no process
is in the way. Measured: docs/decisions/150-published-ports-and-foreign-firewalls.md.

Two deliveries:

DIRECT  copies are made before any rule of the host has a say, as Docker publishes
INPUT   copies are made behind the host's own input rules: what they drop does not arrive. The
        packets are not tracked on the host, since half a conversation looks invalid

The ordinary translation stays for what never leaves the host (its own processes, and containers
that reach ports of their own network).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import Final

from wherry.engine.networks.firewall.sets import ADDRESS, VERSIONS, version_of
from wherry.engine.networks.firewall.table import Layout, Row
from wherry.engine.networks.values import Published
from wherry.kernel.nftables.message import NFPROTO_IPV4, NFPROTO_IPV6
from wherry.kernel.nftables.sets import SetType

FAMILY: Final = {"4": "ip", "6": "ip6"}
_NUMBER: Final = {"4": NFPROTO_IPV4, "6": NFPROTO_IPV6}
_ANY: Final = ("0.0.0.0", "::")


class Delivery(Enum):
    """How packets for published ports get from other hosts and networks to the container."""

    TRANSLATED = "translated"
    DIRECT = "direct"
    INPUT = "input"


TARGETS: Final = {
    v: SetType("targets", ("inet_proto", ADDRESS[v], "inet_service"), (ADDRESS[v],))
    for v in VERSIONS
}
"""Ports published on one address: the container's address."""
ANY_TARGETS: Final = {
    v: SetType("any_targets", ("inet_proto", "inet_service"), (ADDRESS[v],)) for v in VERSIONS
}
"""Ports published on every address."""
PORTS: Final = {v: SetType("ports", ("inet_proto", ADDRESS[v], "inet_service")) for v in VERSIONS}
"""The keys of `targets`: a map cannot be asked whether it has a key."""
ANY_PORTS: Final = SetType("any_ports", ("inet_proto", "inet_service"))
"""The keys of `any_targets`."""
NEAR: Final = SetType("near", ("ifname", "inet_proto", "inet_service"))
"""The container's bridge and a port. Answers come from there; requests from there are
translated."""

_CHAINS: Final = """
chain incoming {
    type filter hook prerouting priority raw; policy accept;
    iifname "lo" accept
    iifname . meta l4proto . th sport @near fib saddr type local dup to FAMILY daddr drop
    iifname . meta l4proto . th dport @near accept
    BEFORE
}
"""
_TO_CONTAINERS: Final = """
    fib daddr type local dup to meta l4proto . FAMILY daddr . th dport map @targets drop
    fib daddr type local dup to meta l4proto . th dport map @any_targets drop
"""
_UNTRACKED: Final = """
    meta l4proto . FAMILY daddr . th dport @ports notrack
    fib daddr type local meta l4proto . th dport @any_ports notrack
"""
_BEHIND_INPUT: Final = """
chain delivered {
    type filter hook input priority 300; policy accept;
    iifname "lo" accept
    iifname . meta l4proto . th dport @near accept
    TO_CONTAINERS
}
"""


def layout(version: str, delivery: Delivery) -> Layout:
    """The table of one IP version: `dup` is for the families ip and ip6 only."""
    sets = (TARGETS[version], ANY_TARGETS[version], PORTS[version], ANY_PORTS, NEAR)
    behind = delivery is Delivery.INPUT
    chains = _CHAINS.replace("BEFORE", _UNTRACKED if behind else _TO_CONTAINERS)
    if behind:
        chains += _BEHIND_INPUT.replace("TO_CONTAINERS", _TO_CONTAINERS)
    return Layout(
        FAMILY[version], _NUMBER[version], sets, chains.replace("FAMILY", FAMILY[version])
    )


def rows(published: Published, bridge: str) -> list[Row]:
    """The elements of one port, in the table of its IP version. None for loopback addresses."""
    version = version_of(published.container_ip)
    proto, port, target = published.proto, str(published.host_port), (published.container_ip,)
    if published.host_ip == "::1" or published.host_ip.startswith("127."):
        return []
    near = Row(NEAR, (bridge, proto, port))
    if published.host_ip in _ANY:
        key: tuple[str, ...] = (proto, port)
        return [near, Row(ANY_TARGETS[version], key, target), Row(ANY_PORTS, key)]
    key = (proto, published.host_ip, port)
    return [near, Row(TARGETS[version], key, target), Row(PORTS[version], key)]


def inside(published: Iterable[Published]) -> str:
    """What `nft` makes of them inside the container: its own translation, for what is for others'
    addresses (the host's), to the address of the link over which it came."""
    rules = dict.fromkeys(
        f"fib daddr type != local meta l4proto {row.proto} th dport {row.host_port} "
        f"redirect to :{row.container_port}"
        for row in published
    )
    return "\n".join(
        (
            "add table inet wherry-publish",
            "delete table inet wherry-publish",
            "table inet wherry-publish {",
            "chain prerouting {",
            "type nat hook prerouting priority dstnat; policy accept;",
            *rules,
            "}",
            "}",
            "",
        )
    )


def by_version(
    published: Sequence[Published], bridge_of: Callable[[Published], str]
) -> dict[str, list[Row]]:
    """The elements of ports, by IP version; ports without a bridge have none."""
    found: dict[str, list[Row]] = {version: [] for version in VERSIONS}
    for row in published:
        if bridge := bridge_of(row):
            found[version_of(row.container_ip)] += rows(row, bridge)
    return found
