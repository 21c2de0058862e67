"""A container's places in networks: wishes, addresses, names, the default route."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from wherry.engine.containers import links
from wherry.engine.containers.config import (
    ContainerConfig,
    EndpointIPAMConfig,
    EndpointSettings,
    HostConfig,
    NetworkingConfig,
)
from wherry.engine.containers.record import Container, State
from wherry.engine.networks import endpoints, wishes
from wherry.engine.networks.ipam import Ipam
from wherry.engine.networks.values import Attachment, Endpoint, Network, NetworkState, Subnet
from wherry.errors import Conflict, Invalid, NotFound

BOTH = Network("a" * 64, "both", "bridge", 1, enable_ipv6=True, subnets=(
    Subnet("10.1.0.0/24", "10.1.0.1", given=True), Subnet("fd00::/64", "fd00::1", given=True),
))  # fmt: skip
INSIDE = Network("b" * 64, "inside", "bridge", 1, internal=True,
                 subnets=(Subnet("10.2.0.0/24", "10.2.0.1"),))  # fmt: skip
DEFAULT = Network("c" * 64, "bridge", "bridge", 1, subnets=(Subnet("172.17.0.0/20", "172.17.0.1"),))


def record(name: str = "web", **more: Any) -> Container:
    values: dict[str, Any] = {
        "id": "f" * 64, "name": name, "created": 1, "path": "sh", "args": (),
        "config": ContainerConfig(hostname="box"), "networking": NetworkingConfig(),
        "host_config": HostConfig(network_mode="default"), "image_id": "", "image_ref": "",
        "driver": "", "directory": "", "log_path": "",
    }  # fmt: skip
    return Container(**(values | more))


def made(network: Network, wish: EndpointSettings = EndpointSettings()) -> Endpoint:  # noqa: B008
    ipam = Ipam()
    ipam.add(network)
    return endpoints.make(ipam, network, record(), wish, "eth0")


def test_an_endpoint_has_addresses_names_and_a_mac_made_of_them() -> None:
    endpoint = made(BOTH, EndpointSettings(aliases=("www",)))
    assert (endpoint.ipv4, endpoint.ipv4_prefix, endpoint.gateway4) == ("10.1.0.2", 24, "10.1.0.1")
    assert (endpoint.ipv6, endpoint.ipv6_prefix, endpoint.gateway6) == ("fd00::2", 64, "fd00::1")
    assert endpoint.mac == "02:42:0a:01:00:02"
    assert endpoint.dns_names == ("web", "www", "f" * 12, "box")


def test_an_internal_network_leads_nowhere_and_the_default_bridge_has_no_names() -> None:
    assert made(INSIDE).gateway4 == ""
    assert made(DEFAULT).dns_names == ()


def test_what_was_asked_for_is_given() -> None:
    wish = EndpointSettings(
        mac_address="02-42-AA-BB-CC-DD",
        ipam_config=EndpointIPAMConfig("10.1.0.9", "fd00::9", ("169.254.1.1",)),
    )
    endpoint = made(BOTH, wish)
    assert (endpoint.ipv4, endpoint.ipv6, endpoint.mac) == (
        "10.1.0.9",
        "fd00::9",
        "02:42:aa:bb:cc:dd",
    )
    assert endpoint.link_local == ("169.254.1.1",)


def test_a_failed_second_address_gives_the_first_back() -> None:
    ipam = Ipam()
    ipam.add(BOTH)
    wish = EndpointSettings(ipam_config=EndpointIPAMConfig("", "fd01::1"))
    with pytest.raises(Invalid):
        endpoints.make(ipam, BOTH, record(), wish, "eth0")
    assert ipam.take(BOTH, 4) == "10.1.0.2"


def test_the_default_route_goes_by_priority_then_by_name() -> None:
    one = Endpoint("1", "n1", "c", gateway4="10.1.0.1")
    two = Endpoint("2", "n2", "c", gateway4="10.2.0.1", gateway6="fd00::1")
    first, second = replace(BOTH, name="alpha"), replace(BOTH, name="beta")
    told = endpoints.with_defaults([(second, two), (first, one)])
    assert [(e.id, e.default_v4, e.default_v6) for e in told] == [
        ("2", False, True),
        ("1", True, False),
    ]
    told = endpoints.with_defaults([(first, one), (second, replace(two, gw_priority=1))])
    assert [e.default_v4 for e in told] == [False, True]


def test_interfaces_fill_gaps() -> None:
    there = [Endpoint("1", "n", "c", interface="eth0"), Endpoint("2", "n", "c", interface="eth2")]
    assert endpoints.unused_interface(there) == "eth1"


def test_wishes_come_in_order_the_modes_network_first() -> None:
    config = {
        "zeta": None,
        "alpha": None,
        "main": EndpointSettings(),
        "top": EndpointSettings(gw_priority=5),
    }
    container = record(
        networking=NetworkingConfig(config), host_config=HostConfig(network_mode="main")
    )
    assert list(wishes.settings_of(container)) == ["main", "top", "alpha", "zeta"]
    assert list(wishes.settings_of(record())) == ["bridge"]
    borrowed = record(host_config=HostConfig(network_mode="container:x"))
    assert wishes.settings_of(borrowed) == {}
    assert wishes.settings_of(record(networking=NetworkingConfig({}))) == {}


def test_an_older_clients_mac_address_is_the_first_networks() -> None:
    container = record(config=ContainerConfig(mac_address="02:42:00:00:00:01"))
    assert wishes.settings_of(container)["bridge"].mac_address == "02:42:00:00:00:01"


@pytest.mark.parametrize(
    ("network", "wish", "words"),
    [
        (DEFAULT, EndpointSettings(aliases=("x",)), "network-scoped alias"),
        (
            DEFAULT,
            EndpointSettings(ipam_config=EndpointIPAMConfig("172.17.0.9")),
            "user defined networks only",
        ),
        (
            INSIDE,
            EndpointSettings(ipam_config=EndpointIPAMConfig("10.2.0.9")),
            "user configured subnets",
        ),
        (BOTH, EndpointSettings(ipam_config=EndpointIPAMConfig("fd00::9")), "invalid IPv4 address"),
        (
            BOTH,
            EndpointSettings(ipam_config=EndpointIPAMConfig("", "", ("x",))),
            "invalid link-local",
        ),
        (BOTH, EndpointSettings(mac_address="x"), "invalid MAC address"),
    ],
)
def test_wishes_that_cannot_be_granted(
    network: Network, wish: EndpointSettings, words: str
) -> None:
    with pytest.raises(Invalid, match=words):
        wishes.check(network, wish)


# -- links of the default bridge ----------------------------------------------------------------

DATABASE = record(
    "db",
    config=ContainerConfig(
        hostname="dbhost", exposed_ports=("5432/tcp", "80/tcp"), env=("A=b", "PATH=/")
    ),
    state=State(status="running", running=True),
    network=NetworkState((Attachment("bridge", Endpoint("e", "n", "c", ipv4="172.17.0.2")),)),
)


def find(ref: str) -> Container:
    if ref == "db":
        return DATABASE
    raise NotFound(f"No such container: {ref}")


def test_links_become_lines_and_variables() -> None:
    linking = record(host_config=HostConfig(network_mode="default", links=("db:my-data",)))
    found = links.resolve(linking, find)
    assert [str(line) for line in links.hosts_lines(found)] == ["172.17.0.2\tmy-data dbhost db\n"]
    assert links.variables(linking, found) == [
        "MY_DATA_PORT=tcp://172.17.0.2:80",
        "MY_DATA_PORT_80_TCP=tcp://172.17.0.2:80",
        "MY_DATA_PORT_80_TCP_ADDR=172.17.0.2",
        "MY_DATA_PORT_80_TCP_PORT=80",
        "MY_DATA_PORT_80_TCP_PROTO=tcp",
        "MY_DATA_PORT_5432_TCP=tcp://172.17.0.2:5432",
        "MY_DATA_PORT_5432_TCP_ADDR=172.17.0.2",
        "MY_DATA_PORT_5432_TCP_PORT=5432",
        "MY_DATA_PORT_5432_TCP_PROTO=tcp",
        "MY_DATA_NAME=/web/my-data",
        "MY_DATA_ENV_A=b",
    ]


def test_links_mean_nothing_of_this_on_other_networks() -> None:
    linking = record(host_config=HostConfig(network_mode="mine", links=("db",)))
    assert links.resolve(linking, find) == ()


def test_links_that_cannot_be() -> None:
    with pytest.raises(Invalid, match="could not get container for nosuch"):
        links.check(HostConfig(links=("nosuch:x",)), find)
    with pytest.raises(Invalid, match="bad format for links"):
        links.split("a:b:c")
    stopped = replace(DATABASE, state=State())
    linking = record(host_config=HostConfig(network_mode="default", links=("db",)))
    with pytest.raises(Conflict, match="Cannot link to a non running container"):
        links.resolve(linking, lambda ref: stopped)
    elsewhere = replace(DATABASE, network=NetworkState())
    with pytest.raises(Conflict, match="does not belong to the default network"):
        links.resolve(linking, lambda ref: elsewhere)
