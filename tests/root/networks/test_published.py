"""Published ports: who reaches them, from where, and what the server sees of the client."""

from __future__ import annotations

import pytest

from tests.root.networks.lab import (
    HOST4,
    HOST6,
    OUTSIDE4,
    OUTSIDE6,
    SOON,
    Lab,
    ask,
    serve,
)

PROTOCOLS = ["tcp", "udp"]


@pytest.mark.parametrize("proto", PROTOCOLS)
def test_another_host_reaches_it_and_is_seen(lab: Lab, proto: str) -> None:
    server = lab.container(lab.network())
    server.serve(80, proto)
    lab.publish(server, 8080, 80, proto)
    assert ask(lab.outside, HOST4, 8080, proto) == OUTSIDE4
    assert ask(lab.outside, HOST6, 8080, proto) == OUTSIDE6


@pytest.mark.parametrize("proto", PROTOCOLS)
def test_the_host_reaches_it_at_every_address_of_its_own(lab: Lab, proto: str) -> None:
    network = lab.network()
    gateway4, gateway6 = (subnet.gateway for subnet in network.subnets)
    server = lab.container(network)
    server.serve(80, proto)
    lab.publish(server, 8080, 80, proto)
    assert ask(lab.host, HOST4, 8080, proto) == HOST4
    assert ask(lab.host, HOST6, 8080, proto) == HOST6
    assert ask(lab.host, "127.0.0.1", 8080, proto) == gateway4
    assert ask(lab.host, "::1", 8080, proto) == gateway6


@pytest.mark.parametrize("proto", PROTOCOLS)
@pytest.mark.parametrize("br_netfilter", ["0", "1"])
def test_containers_reach_it_through_the_host(lab: Lab, proto: str, br_netfilter: str) -> None:
    if not lab.set_br_netfilter(br_netfilter):
        pytest.skip("no br_netfilter in this kernel")
    network, other = lab.network(), lab.network()
    gateway4, gateway6 = (subnet.gateway for subnet in network.subnets)
    server, neighbour = lab.container(network), lab.container(network, 3)
    stranger = lab.container(other)
    server.serve(80, proto)
    lab.publish(server, 8080, 80, proto)
    for client in (server, neighbour):  # the answer would not come back through the host
        assert ask(client.sandbox, HOST4, 8080, proto) == gateway4
        assert ask(client.sandbox, HOST6, 8080, proto) == gateway6
    assert ask(stranger.sandbox, HOST4, 8080, proto) == stranger.endpoint.ipv4
    assert ask(stranger.sandbox, HOST6, 8080, proto) == stranger.endpoint.ipv6
    assert ask(lab.host, "::1", 8080, proto) == gateway6


def test_loopback_alone(lab: Lab) -> None:
    server = lab.container(lab.network())
    server.serve(80)
    lab.publish(server, 8080, 80, ip="127.0.0.1")
    lab.publish(server, 8080, 80, ip="::1")
    assert ask(lab.host, "127.0.0.1", 8080)
    assert ask(lab.host, "::1", 8080)
    assert ask(lab.outside, HOST4, 8080, seconds=SOON) == ""
    assert ask(lab.outside, HOST6, 8080, seconds=SOON) == ""
    # A neighbour on the wire that sends packets for 127.0.0.1 our way.
    lab.command("ip", "route", "add", "127.0.0.2/32", "via", HOST4, where=lab.outside)
    lab.publish(server, 8081, 80, ip="127.0.0.2")
    lab.command("sysctl", "-qw", "net.ipv4.conf.all.route_localnet=1")
    assert ask(lab.outside, "127.0.0.2", 8081, seconds=SOON) == ""


def test_one_address_alone(lab: Lab) -> None:
    server = lab.container(lab.network())
    server.serve(80)
    lab.publish(server, 8080, 80, ip=HOST4)
    assert ask(lab.outside, HOST4, 8080) == OUTSIDE4
    assert ask(lab.host, "127.0.0.1", 8080, seconds=SOON) == ""


def test_unpublished_again(lab: Lab) -> None:
    server = lab.container(lab.network())
    server.serve(80)
    rows = lab.publish(server, 8080, 80)
    assert ask(lab.outside, HOST4, 8080)
    lab.on_host(lambda: lab.drivers.firewall.unpublish(rows))
    lab.on_host(lambda: lab.drivers.firewall.unpublish(rows))
    assert ask(lab.outside, HOST4, 8080, seconds=SOON) == ""


def test_thousands_of_ports(lab: Lab) -> None:
    server = lab.container(lab.network())
    server.serve(80)
    for start in range(20000, 25000, 1000):
        rows = [row for port in range(start, start + 1000) for row in lab.rows(server, port, 80)]
        lab.on_host(lambda rows=rows: lab.drivers.firewall.publish(rows))
    assert ask(lab.outside, HOST4, 20000) == OUTSIDE4
    assert ask(lab.outside, HOST6, 24999) == OUTSIDE6
    lab.on_host(lab.drivers.firewall.table.make)
    assert ask(lab.outside, HOST4, 24999) == OUTSIDE4


def test_containers_do_not_reach_the_hosts_loopback(lab: Lab) -> None:
    client = lab.container(lab.network())
    serve(lab, lab.host, 7000, address="127.0.0.1")
    gateway = client.endpoint.gateway4
    lab.command("ip", "route", "add", "127.0.0.9/32", "via", gateway, where=client.sandbox)
    lab.command("sysctl", "-qw", "net.ipv4.conf.eth0.route_localnet=1", where=client.sandbox)
    assert ask(client.sandbox, "127.0.0.9", 7000, seconds=SOON) == ""


def test_loopbacks_way_back_lets_nothing_else_in(lab: Lab) -> None:
    network = lab.network()
    client = lab.container(network)
    gateway = network.subnets[1].gateway
    serve(lab, lab.host, 62000, address=gateway)
    serve(lab, lab.host, 6200, address=gateway)
    assert ask(client.sandbox, gateway, 62000, seconds=SOON) == ""
    assert ask(client.sandbox, gateway, 6200) == client.endpoint.ipv6
    assert ask(lab.host, gateway, 62000) == gateway
