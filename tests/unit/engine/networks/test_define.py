"""From what a client asks for to a network."""

from __future__ import annotations

import pytest

from wherry.engine.networks import options
from wherry.engine.networks.catalogue import Catalogue
from wherry.engine.networks.config import IPAM, ConfigReference, IPAMConfig, NetworkRequest
from wherry.engine.networks.define import Definitions, router_of
from wherry.engine.networks.pools import SubnetChooser
from wherry.engine.networks.settings import DEFAULT_POOLS
from wherry.engine.networks.values import ICC, MTU, Network, Subnet
from wherry.errors import Conflict, Denied, Invalid, NotFound, WherryError


class Table:
    """A table of networks that is kept nowhere."""

    def __init__(self, *networks: Network) -> None:
        self._networks = list(networks)

    def load(self) -> list[Network]:
        return self._networks

    def add(self, network: Network) -> None:
        pass

    def delete(self, network: Network) -> None:
        pass


THERE = Network("a" * 64, "there", "bridge", 1, subnets=(Subnet("10.1.0.0/24", "10.1.0.1"),),
                bridge="br-there")  # fmt: skip
TEMPLATE = Network("b" * 64, "template", "null", 2, config_only=True, options={MTU: "1400"},
                   subnets=(Subnet("10.2.0.0/24", given=True),))  # fmt: skip


def definitions(*routes: str) -> Definitions:
    catalogue = Catalogue(Table(THERE, TEMPLATE))  # type: ignore[arg-type]
    return Definitions(catalogue, SubnetChooser(DEFAULT_POOLS, "id"), lambda: routes)


def request(*subnets: IPAMConfig, **more: object) -> NetworkRequest:
    return NetworkRequest(name="new", ipam=IPAM(config=subnets), **more)  # type: ignore[arg-type]


def test_nothing_said_means_a_subnet_that_is_free() -> None:
    network, warning = definitions("172.18.0.0/24").define(NetworkRequest(name="new"))
    assert [row.cidr for row in network.v4] == ["172.18.1.0/24"]
    assert network.v4[0].gateway == "172.18.1.1"
    assert not network.v4[0].given
    assert network.bridge == f"br-{network.id[:12]}"
    assert (network.driver, network.v6, warning) == ("bridge", (), "")


def test_both_families_with_one_subnet_given() -> None:
    network, _ = definitions().define(request(IPAMConfig("fd00:1::/64"), enable_ipv6=True))
    assert [row.cidr for row in network.subnets] == ["172.18.0.0/24", "fd00:1::/64"]
    assert network.v6[0].gateway == "fd00:1::1"
    only, _ = definitions().define(NetworkRequest(name="new", enable_ipv4=False, enable_ipv6=True))
    assert [row.is_v6 for row in only.subnets] == [True]


def test_a_v6_subnet_without_ipv6_is_warned_about() -> None:
    network, warning = definitions().define(request(IPAMConfig("fd00:1::/64")))
    assert network.v6 == ()
    assert "fd00:1::/64 is not used" in warning


def test_a_configuration_of_another_network() -> None:
    network, _ = definitions().define(
        NetworkRequest(name="new", config_from=ConfigReference("template"))
    )
    assert (network.mtu, network.v4[0].cidr, network.config_from) == (
        1400,
        "10.2.0.0/24",
        "template",
    )
    with pytest.raises(Denied, match="is not a configuration network"):
        definitions().define(NetworkRequest(name="new", config_from=ConfigReference("there")))


def test_another_router_than_the_bridge() -> None:
    row = Subnet("10.1.0.0/24", "10.1.0.1", aux={"DefaultGatewayIPv4": "10.1.0.254"})
    assert router_of(row) == "10.1.0.254"
    assert router_of(Subnet("10.1.0.0/24", "10.1.0.1")) == "10.1.0.1"


@pytest.mark.parametrize(
    ("asked", "kind", "words"),
    [
        (NetworkRequest(name="host"), Denied, "predefined host network"),
        (NetworkRequest(name=" "), Invalid, "invalid name"),
        (NetworkRequest(name="a/b"), Invalid, "invalid name"),
        (NetworkRequest(name="container:x"), Invalid, "invalid name"),
        (NetworkRequest(name="there"), Conflict, "already exists"),
        (NetworkRequest(name="new", driver="nosuch"), NotFound, 'plugin "nosuch" not found'),
        (NetworkRequest(name="new", driver="host"), Denied, "only one instance"),
        (NetworkRequest(name="new", driver="overlay"), Denied, "swarm"),
        (NetworkRequest(name="new", scope="swarm"), Denied, "swarm is not active"),
        (NetworkRequest(name="new", ipam=IPAM("nosuch")), NotFound, 'plugin "nosuch" not found'),
        (NetworkRequest(name="new", enable_ipv4=False), Invalid, "must be enabled"),
        (NetworkRequest(name="new", options={MTU: "big"}), Invalid, MTU),
        (request(IPAMConfig("10.1.0.128/25")), Denied, "Pool overlaps"),
        (request(IPAMConfig("10.3.0.0")), Invalid, "invalid CIDR block notation"),
        (request(IPAMConfig("10.3.0.5/24")), Invalid, "it should be 10.3.0.0/24"),
        (request(IPAMConfig(gateway="10.3.0.1")), Invalid, "needs its subnet"),
        (request(IPAMConfig("10.3.0.0/24", gateway="10.4.0.1")), Invalid, "doesn't contain"),
        (request(IPAMConfig("10.3.0.0/24", gateway="fd00::1")), Invalid, "IPv4 block"),
        (request(IPAMConfig("10.3.0.0/24", gateway="10.3.0.255")), Invalid, "already in use"),
        (request(IPAMConfig("10.3.0.0/24", ip_range="10.4.0.0/25")), Invalid, "ip-range"),
        (request(IPAMConfig("10.3.0.0/32")), Invalid, "No available addresses"),
        (request(IPAMConfig("10.3.0.0/24"), IPAMConfig("10.4.0.0/24")), Invalid, "multiple"),
    ],
)  # fmt: skip
def test_what_is_refused(asked: NetworkRequest, kind: type[WherryError], words: str) -> None:
    with pytest.raises(kind) as caught:
        definitions().define(asked)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({MTU: "-1"}, "invalid MTU number"),
        ({ICC: "perhaps"}, ICC),
        ({"com.docker.network.bridge.name": "a" * 16}, "invalid bridge name"),
        ({"com.docker.network.bridge.name": "a/b"}, "invalid bridge name"),
        ({"com.docker.network.bridge.host_binding_ipv4": "x"}, "host binding address"),
        ({"com.docker.network.bridge.gateway_mode_ipv4": "x"}, "unknown gateway mode"),
    ],
)
def test_options_that_mean_nothing(given: dict[str, str], words: str) -> None:
    with pytest.raises(Invalid) as caught:
        options.read(given)
    assert words in str(caught.value)


def test_options_that_mean_something() -> None:
    meaning = options.read({MTU: "1300", ICC: "false", "unknown": "kept"})
    assert (meaning.mtu, meaning.icc, meaning.masquerade_v4) == (1300, False, True)
    routed = options.read({"com.docker.network.bridge.gateway_mode_ipv6": "routed"})
    assert (routed.masquerade_v4, routed.masquerade_v6) == (True, False)
