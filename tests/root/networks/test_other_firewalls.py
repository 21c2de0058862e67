"""A host with a firewall of its own: published ports stay reachable, or obey it, as was chosen."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from tests.root.networks.lab import (
    HOST4,
    HOST6,
    OUTSIDE4,
    OUTSIDE6,
    SOON,
    Container,
    Lab,
    ask,
    laboratory,
    serve,
)

UFW_LIKE = """table inet filter {
    chain forward {
        type filter hook forward priority filter; policy drop;
        ct state established,related accept
    }
    chain input {
        type filter hook input priority filter; policy drop;
        ct state established,related accept
        ct state invalid drop
        iif lo accept
        meta l4proto { icmp, icmpv6 } accept
    }
}
"""
FIREWALLD_LIKE = """table inet firewalld {
    chain filter_FORWARD {
        type filter hook forward priority filter + 10; policy accept;
        ct state { established, related } accept
        ct state invalid drop
        iifname "lo" accept
        reject with icmpx admin-prohibited
    }
}
"""
PROTOCOLS = ["tcp", "udp"]


def _load(lab: Lab, text: str) -> None:
    lab.command("nft", "-f", "-", text=text)
    lab.on_host(lambda: lab.drivers.firewall.restore([], []))


@pytest.fixture
def obeying() -> Iterator[Lab]:
    """A laboratory whose engine has published ports obey the host's input rules."""
    if os.geteuid() != 0 or shutil.which("nft") is None:
        pytest.skip("needs root and nft (Debian: nftables)")
    with laboratory(obeys_input=True) as lab:
        yield lab


def _serving(lab: Lab, proto: str) -> Container:
    server = lab.container(lab.network())
    server.serve(80, proto)
    lab.publish(server, 8080, 80, proto)
    return server


@pytest.mark.parametrize("proto", PROTOCOLS)
@pytest.mark.parametrize("foreign", [UFW_LIKE, FIREWALLD_LIKE], ids=["policy", "last rule"])
def test_published_ports_pass_a_firewall_that_forwards_nothing(
    lab: Lab, proto: str, foreign: str
) -> None:
    _load(lab, foreign)
    name = foreign.split()[2]
    before = lab.command("nft", "list", "table", "inet", name)
    server = _serving(lab, proto)
    assert ask(lab.outside, HOST4, 8080, proto) == OUTSIDE4
    assert ask(lab.outside, HOST6, 8080, proto) == OUTSIDE6
    stranger = lab.container(lab.network())
    assert ask(stranger.sandbox, HOST4, 8080, proto) == stranger.endpoint.ipv4
    assert ask(lab.host, "127.0.0.1", 8080, proto) == server.endpoint.gateway4
    assert lab.command("nft", "list", "table", "inet", name) == before


def test_the_one_rule_that_the_warning_names_lets_everything_through(lab: Lab) -> None:
    _load(lab, UFW_LIKE)
    client = lab.container(lab.network())
    serve(lab, lab.outside, 7)
    assert ask(client.sandbox, OUTSIDE4, 7, seconds=SOON) == ""
    (obstacle,) = lab.drivers.firewall.obstacles
    assert str(obstacle) == "table inet filter, chain forward"
    (warning,) = lab.drivers.firewall.warnings()
    assert warning.endswith(obstacle.remedy)
    lab.command(*obstacle.remedy.split())
    assert ask(client.sandbox, OUTSIDE4, 7) == HOST4
    other = lab.container(lab.network())
    other.serve(81)
    assert ask(client.sandbox, other.endpoint.ipv4, 81, seconds=SOON) == ""


def test_iptables_drop_policy_is_seen(lab: Lab) -> None:
    if shutil.which("iptables-nft") is None:
        pytest.skip("iptables is not installed")
    lab.command("iptables-nft", "-P", "FORWARD", "DROP")
    lab.on_host(lambda: lab.drivers.firewall.restore([], []))
    (obstacle,) = lab.drivers.firewall.obstacles
    assert obstacle.remedy.startswith("iptables -I FORWARD -m mark")
    _serving(lab, "tcp")
    assert ask(lab.outside, HOST4, 8080) == OUTSIDE4


def test_no_firewall_no_obstacle(lab: Lab) -> None:
    lab.command("nft", "-f", "-", text=UFW_LIKE.replace("policy drop", "policy accept"))
    lab.on_host(lambda: lab.drivers.firewall.restore([], []))
    assert not lab.drivers.firewall.obstacles


@pytest.mark.parametrize("proto", PROTOCOLS)
def test_obeying_means_that_no_is_no_and_yes_is_yes(obeying: Lab, proto: str) -> None:
    lab = obeying
    _load(lab, UFW_LIKE)
    server = _serving(lab, proto)
    assert ask(lab.outside, HOST4, 8080, proto, seconds=SOON) == ""
    assert ask(lab.host, "127.0.0.1", 8080, proto) == server.endpoint.gateway4
    lab.command("nft", "add", "rule", "inet", "filter", "input", proto, "dport", "8080", "accept")
    assert ask(lab.outside, HOST4, 8080, proto) == OUTSIDE4
    assert ask(lab.outside, HOST6, 8080, proto) == OUTSIDE6


def test_obeying_without_a_firewall(obeying: Lab) -> None:
    server = _serving(obeying, "tcp")
    assert ask(obeying.outside, HOST4, 8080) == OUTSIDE4
    assert ask(obeying.host, HOST4, 8080) == HOST4
    assert ask(server.sandbox, HOST4, 8080) == server.endpoint.gateway4
    chain = "type filter hook input priority 0; tcp dport 8080 drop;"
    obeying.command("nft", "-f", "-", text=f"table inet f {{ chain i {{ {chain} }}\n}}\n")
    assert ask(obeying.outside, HOST4, 8080, seconds=SOON) == ""


def test_unpublished_ports_are_closed_again(obeying: Lab) -> None:
    server = obeying.container(obeying.network())
    server.serve(80)
    rows = obeying.publish(server, 8080, 80, ip=HOST4)
    assert ask(obeying.outside, HOST4, 8080) == OUTSIDE4
    obeying.on_host(lambda: obeying.drivers.firewall.unpublish(rows))
    assert ask(obeying.outside, HOST4, 8080, seconds=SOON) == ""
