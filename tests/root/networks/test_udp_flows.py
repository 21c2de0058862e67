"""UDP flows that are older than a published port, or outlive it."""

from __future__ import annotations

import socket
import time

import pytest

from tests.root.networks.lab import HOST4, HOST6, SECONDS, Lab


def _client(lab: Lab, address: str) -> socket.socket:
    """A socket of the outside that sends from one port, as clients that never stop do."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    client = lab.outside.run(lambda: socket.socket(family, socket.SOCK_DGRAM))
    lab.stack.callback(client.close)
    client.settimeout(0.1)
    return client


def _asks(client: socket.socket, target: tuple[str, int]) -> bool:
    client.sendto(b"who am I?", target)
    try:
        return bool(client.recv(100))
    except OSError:
        return False


def _until(client: socket.socket, target: tuple[str, int], *, answered: bool) -> bool:
    limit = time.monotonic() + SECONDS
    while _asks(client, target) is not answered:
        if time.monotonic() > limit:
            return False
    return True


@pytest.mark.parametrize("ports", [1, 3])
@pytest.mark.parametrize("address", [HOST4, HOST6])
def test_a_client_that_never_stops_follows(lab: Lab, address: str, ports: int) -> None:
    server = lab.container(lab.network())
    server.serve(80, "udp")
    client, target = _client(lab, address), (address, 8080)
    assert not _asks(client, target), "a flow without translation begins"
    rows = lab.rows(server, 8080, 80, "udp")
    for more in range(1, ports):
        rows += lab.rows(server, 8080 + more, 80, "udp")
    firewall = lab.drivers.firewall
    lab.on_host(lambda: firewall.publish(rows))
    assert _until(client, target, answered=True)
    lab.on_host(lambda: firewall.unpublish(rows))
    assert _until(client, target, answered=False)


def test_flows_of_others_stay(lab: Lab) -> None:
    server, other = lab.container(lab.network()), lab.container(lab.network())
    for each in (server, other):
        each.serve(80, "udp")
    lab.publish(other, 8081, 80, "udp")
    client = _client(lab, HOST4)
    assert _asks(client, (HOST4, 8081))
    rows = lab.publish(server, 8080, 80, "udp")
    assert _until(client, (HOST4, 8080), answered=True)
    lab.on_host(lambda: lab.drivers.firewall.unpublish(rows))
    assert _until(client, (HOST4, 8080), answered=False)
    assert _until(client, (HOST4, 8081), answered=True)
