"""Who reaches whom: within a network, between networks, internal networks, ICC off, the world."""

from __future__ import annotations

import pytest

from tests.root.networks.lab import HOST4, HOST6, OUTSIDE4, OUTSIDE6, SOON, Lab, ask, serve
from wherry.engine.networks.values import GATEWAY_MODE_V4, GATEWAY_MODE_V6


def test_neighbours_reach_each_other(lab: Lab) -> None:
    network = lab.network()
    server, client = lab.container(network), lab.container(network, 3)
    server.serve(80)
    assert ask(client.sandbox, server.endpoint.ipv4, 80) == client.endpoint.ipv4
    assert ask(client.sandbox, server.endpoint.ipv6, 80) == client.endpoint.ipv6


def test_other_networks_do_not(lab: Lab) -> None:
    server, client = lab.container(lab.network()), lab.container(lab.network())
    server.serve(80)
    for address in (server.endpoint.ipv4, server.endpoint.ipv6):
        assert ask(client.sandbox, address, 80, seconds=SOON) == ""
        assert ask(lab.outside, address, 80, seconds=SOON) == ""


def test_nor_other_hosts_that_route_to_the_container(lab: Lab) -> None:
    server = lab.container(lab.network())
    server.serve(80)
    lab.command("ip", "route", "add", server.endpoint.ipv4, "via", HOST4, where=lab.outside)
    assert ask(lab.outside, server.endpoint.ipv4, 80, seconds=SOON) == ""


def test_the_world_sees_the_host(lab: Lab) -> None:
    client = lab.container(lab.network())
    serve(lab, lab.outside, 7)
    assert ask(client.sandbox, OUTSIDE4, 7) == HOST4
    assert ask(client.sandbox, OUTSIDE6, 7) == HOST6


def test_without_masquerade_it_sees_the_container(lab: Lab) -> None:
    network = lab.network(masquerade_v4=False)
    client = lab.container(network)
    serve(lab, lab.outside, 7)
    lab.command("ip", "route", "add", network.subnets[0].cidr, "via", HOST4, where=lab.outside)
    assert ask(client.sandbox, OUTSIDE4, 7) == client.endpoint.ipv4


def test_internal(lab: Lab) -> None:
    network = lab.network(internal=True)
    server, client = lab.container(network), lab.container(network, 3)
    server.serve(80)
    serve(lab, lab.outside, 7)
    assert ask(client.sandbox, server.endpoint.ipv4, 80) == client.endpoint.ipv4
    # Also when somebody inside sets a route.
    lab.command(
        "ip", "route", "add", "default", "via", network.subnets[0].gateway, where=client.sandbox
    )
    assert ask(client.sandbox, OUTSIDE4, 7, seconds=SOON) == ""


def test_icc_off(lab: Lab) -> None:
    network = lab.network(icc=False)
    server, client = lab.container(network), lab.container(network, 3)
    server.serve(80)
    serve(lab, lab.outside, 7)
    assert ask(client.sandbox, server.endpoint.ipv4, 80, seconds=SOON) == ""
    assert ask(client.sandbox, OUTSIDE4, 7) == HOST4
    assert ask(lab.host, server.endpoint.ipv4, 80)


@pytest.mark.parametrize("mode", ["routed", "nat-unprotected"])
def test_gateway_modes(lab: Lab, mode: str) -> None:
    options = {GATEWAY_MODE_V4: mode, GATEWAY_MODE_V6: mode}
    network = lab.network(options=options, masquerade_v4=False, masquerade_v6=False)
    server = lab.container(network)
    server.serve(80)
    server.serve(81)
    lab.publish(server, 80, 80)
    for subnet, gateway in zip(network.subnets, (HOST4, HOST6), strict=True):
        lab.command("ip", "route", "add", subnet.cidr, "via", gateway, where=lab.outside)
    unpublished = OUTSIDE4 if mode == "nat-unprotected" else ""
    assert ask(lab.outside, server.endpoint.ipv4, 80) == OUTSIDE4
    assert ask(lab.outside, server.endpoint.ipv6, 80) == OUTSIDE6
    assert ask(lab.outside, server.endpoint.ipv4, 81, seconds=SOON) == unpublished
