from __future__ import annotations

import os
import socket

import pytest

from wherry.engine.containers.config import ContainerConfig, HostConfig
from wherry.engine.containers.config import PortBinding as Asked
from wherry.engine.networks.ports import Ports
from wherry.engine.networks.portspec import wanted
from wherry.engine.networks.values import Endpoint, PortBinding
from wherry.errors import Internal, Invalid

V4 = Endpoint("e" * 64, "n" * 64, "c" * 64, ipv4="10.0.0.2", ipv4_prefix=24)
BOTH = Endpoint("f" * 64, "n" * 64, "d" * 64, ipv4="10.0.0.3", ipv6="fd00::3")


def ports(default: str = "127.0.0.1") -> Ports:
    return Ports(default, lambda id: f"name of {id[:1]}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_bindings_of_every_form() -> None:
    host = HostConfig(
        port_bindings={
            "80/tcp": (Asked("", "8080"), Asked("127.0.0.1", "9000-9002")),
            "53/UDP": (Asked("::1", ""),),
            "90": None,
        }
    )
    assert wanted(ContainerConfig(), host) == (
        PortBinding("tcp", 80, "", (8080, 8080)),
        PortBinding("tcp", 80, "127.0.0.1", (9000, 9002)),
        PortBinding("udp", 53, "::1"),
        PortBinding("tcp", 90),
    )


def test_all_exposed_ports_that_are_not_bound_already() -> None:
    host = HostConfig(port_bindings={"80/tcp": (Asked("", "1"),)}, publish_all_ports=True)
    config = ContainerConfig(exposed_ports=("80/tcp", "81/udp"))
    assert [row.container_port for row in wanted(config, host)] == [80, 81]


@pytest.mark.parametrize(
    ("container", "host"),
    [("0/tcp", ""), ("70000/tcp", ""), ("80/foo", ""), ("80-81/tcp", ""), ("80/tcp", "70000"),
     ("80/tcp", "a"), ("80/tcp", "9-8"), ("80/tcp", "-1"), ("", "80")],
)  # fmt: skip
def test_ports_that_are_none(container: str, host: str) -> None:
    with pytest.raises(Invalid, match="invalid p"):
        wanted(ContainerConfig(), HostConfig(port_bindings={container: (Asked("", host),)}))


def test_a_port_in_use_names_the_container() -> None:
    table, port = ports(), free_port()
    binding = PortBinding("tcp", 80, "", (port, port))
    published = table.publish([binding], V4)
    assert [(row.host_ip, row.host_port, row.container_ip) for row in published] == [
        ("127.0.0.1", port, "10.0.0.2")
    ]
    with pytest.raises(Internal, match=r"port is already allocated.*container name of c"):
        table.publish([binding], V4)
    table.release(published)
    table.release(table.publish([binding], V4))


def test_a_port_in_use_names_the_process() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(Internal, match=rf"listens there.*|pid {os.getpid()}"):
            ports().publish([PortBinding("tcp", 80, "", (port, port))], V4)


def test_nothing_is_held_when_one_fails() -> None:
    table, port = ports(), free_port()
    good = PortBinding("tcp", 80, "", (port, port))
    with pytest.raises(Internal):
        table.publish([good, PortBinding("tcp", 81, "", (port, port))], V4)
    table.release(table.publish([good], V4))


def test_ranges_and_free_ports_differ() -> None:
    table = ports()
    rows = table.publish([PortBinding("udp", 1), PortBinding("udp", 2)], V4)
    assert len({row.host_port for row in rows}) == 2
    first = free_port()
    ranged = PortBinding("tcp", 1, "", (first, first + 3))
    found = [*table.publish([ranged], V4), *table.publish([ranged], V4)]
    assert len({row.host_port for row in found}) == 2


def test_every_address_means_both_families_where_the_container_has_both() -> None:
    rows = ports("").publish([PortBinding("tcp", 80)], BOTH)
    assert [(row.host_ip, row.container_ip) for row in rows] == [
        ("0.0.0.0", "10.0.0.3"), ("::", "fd00::3"),
    ]  # fmt: skip
    assert len({row.host_port for row in rows}) == 1
    assert [row.host_ip for row in ports("").publish([PortBinding("tcp", 80)], V4)] == ["0.0.0.0"]


def test_addresses_that_cannot_be_published_on() -> None:
    with pytest.raises(Invalid, match="no IPv6 address"):
        ports().publish([PortBinding("tcp", 80, "::1")], V4)
    with pytest.raises(Invalid, match="cannot assign requested address"):
        ports().publish([PortBinding("tcp", 80, "192.0.2.1")], V4)
