"""The chains of our table, once and for all: what differs between networks stands in the sets.

Order of what happens to a packet, by hook:

prerouting, raw     what comes over a bridge for the host's 127.0.0.0/8 is dropped: route_localnet,
                    which loopback publishing needs, would let it in
prerouting, dstnat  what is for an address of the host and a published port goes to the container;
                    one lookup in `publish`, and one in `any`, for the first packet of a connection
output, dstnat      the same for what the host itself sends
forward, filter - 5 isolation: see the chain's own comments
input, filter       containers with an egress policy reach the host only where it allows that
postrouting, srcnat masquerade: what leaves for the world; and, where the answer would otherwise
                    never come back this way, hairpins and what the host sent from loopback.
                    Everything else keeps its source address

Verdicts: `accept` ends only our own chain, other tables still see the packet (nft(8), "VERDICT
STATEMENTS"); `drop` is final.
"""

from __future__ import annotations

from typing import Final

from wherry.engine.networks.firewall import sets
from wherry.engine.networks.firewall.table import Layout
from wherry.engine.networks.uplift import LOOPBACK_PORTS
from wherry.kernel.nftables.message import NFPROTO_INET

MARK: Final = "0x77680000"
"""Set on everything that the chain `forward` lets through, for other firewalls to go by: one rule
of theirs that accepts the mark is all that our containers need."""

CHAINS: Final = """
chain raw {
    type filter hook prerouting priority raw; policy accept;
    iifname @bridges ip daddr 127.0.0.0/8 drop
}
chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    iifname != "lo" ip daddr 127.0.0.0/8 accept
    fib daddr type local goto publish
}
chain output {
    type nat hook output priority -100; policy accept;
    fib daddr type local goto publish
}
chain publish {
    dnat ip to meta l4proto . ip daddr . th dport map @publish4
    dnat ip to meta l4proto . th dport map @any4
    dnat ip6 to meta l4proto . ip6 daddr . th dport map @publish6
    dnat ip6 to meta l4proto . th dport map @any6
}
chain forward {
    type filter hook forward priority filter - 5; policy accept;
    iifname @bridges jump leaving
    oifname @bridges jump arriving
}
chain leaving {
    ct state established,related goto passed
    # Within one network: bridged frames come here too where br_netfilter is on.
    iifname . oifname @same goto passed
    iifname @internal drop
    oifname @internal drop
    jump guard
    oifname @bridges return
    goto passed
}
chain arriving {
    ct state established,related goto passed
    iifname . oifname @same accept
    oifname @internal drop
    # A published port, reached through the host's address.
    ct status dnat goto passed
    oifname @routed4 jump routed
    oifname @routed6 jump routed
    # Other networks of ours, then the world.
    iifname @bridges drop
    meta nfproto ipv4 oifname @open4 goto passed
    meta nfproto ipv6 oifname @open6 goto passed
    drop
}
chain passed {
    meta mark set meta mark or MARK
    accept
}
chain routed {
    meta nfproto ipv4 oifname @routed4 meta l4proto icmp goto passed
    meta nfproto ipv6 oifname @routed6 meta l4proto icmpv6 goto passed
    oifname @routed4 ip daddr . meta l4proto . th dport @routed_ports4 goto passed
    oifname @routed6 ip6 daddr . meta l4proto . th dport @routed_ports6 goto passed
}
chain input {
    type filter hook input priority filter; policy accept;
    ct state established,related accept
    # See `uplift`: from containers only answers come in over lo.
    iifname "lo" fib saddr type != local drop
    iifname @bridges jump guard
}
chain guard {
    ip saddr @guarded4 goto guarded
    ip6 saddr @guarded6 goto guarded
}
chain guarded {
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit } return
    ip saddr . ip daddr @allowed4 return
    ip6 saddr . ip6 daddr @allowed6 return
    ip saddr . ip daddr @networks4 return
    ip6 saddr . ip6 daddr @networks6 return
    ip saddr . ip daddr . meta l4proto . th dport @allowed_ports4 return
    ip6 saddr . ip6 daddr . meta l4proto . th dport @allowed_ports6 return
    ip saddr . ip daddr . meta l4proto . th dport @network_ports4 return
    ip6 saddr . ip6 daddr . meta l4proto . th dport @network_ports6 return
    # More would only cost the daemon time: it tells of each destination once in a while.
    limit rate 200/second burst 400 packets log group GROUP
    reject with icmpx admin-prohibited
}
chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname @bridges ip saddr 127.0.0.0/8 masquerade
    oifname @bridges ip6 saddr ::1 meta l4proto { tcp, udp, sctp } masquerade to :LOOPBACK_PORTS
    iifname . oifname @same ct status dnat masquerade
    oifname @bridges accept
    ip saddr @masquerade4 masquerade
    ip6 saddr @masquerade6 masquerade
}
"""


def layout(log_group: int) -> Layout:
    """The table, with the nflog group of its denials."""
    ports = "-".join(map(str, LOOPBACK_PORTS))
    chains = CHAINS.replace("GROUP", str(log_group)).replace("LOOPBACK_PORTS", ports)
    return Layout("inet", NFPROTO_INET, sets.ALL, chains.replace("MARK", MARK))
