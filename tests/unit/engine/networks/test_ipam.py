from __future__ import annotations

import pytest

from wherry.engine.networks.ipam import Ipam
from wherry.engine.networks.values import Network, Subnet
from wherry.errors import Denied, Invalid, Unavailable


def network(*subnets: Subnet) -> Network:
    return Network("n" * 64, "n", "bridge", 1, subnets=subnets)


def pool(*subnets: Subnet) -> tuple[Ipam, Network]:
    ipam, made = Ipam(), network(*subnets)
    ipam.add(made)
    return ipam, made


def test_the_lowest_free_address_goes_first() -> None:
    ipam, made = pool(Subnet("10.0.0.0/29", "10.0.0.1", aux={"printer": "10.0.0.3"}))
    assert [ipam.take(made, 4) for _ in range(3)] == ["10.0.0.2", "10.0.0.4", "10.0.0.5"]
    ipam.give_back(made.id, ["10.0.0.4"])
    assert ipam.take(made, 4) == "10.0.0.4"


def test_a_full_subnet_is_told() -> None:
    ipam, made = pool(Subnet("10.0.0.0/30", "10.0.0.1"))
    ipam.take(made, 4)
    with pytest.raises(Unavailable, match="no available IPv4 addresses"):
        ipam.take(made, 4)


def test_addresses_of_ones_choice() -> None:
    ipam, made = pool(Subnet("10.0.0.0/24", "10.0.0.1"))
    assert ipam.take(made, 4, "10.0.0.9") == "10.0.0.9"
    for used in ("10.0.0.9", "10.0.0.1", "10.0.0.0", "10.0.0.255"):
        with pytest.raises(Denied, match="Address already in use"):
            ipam.take(made, 4, used)
    with pytest.raises(Invalid, match="no configured subnet"):
        ipam.take(made, 4, "10.0.1.9")


def test_a_range_limits_what_is_handed_out_not_what_may_be_chosen() -> None:
    ipam, made = pool(Subnet("10.0.0.0/16", "10.0.0.1", ip_range="10.0.5.0/24"))
    assert ipam.take(made, 4) == "10.0.5.0"
    assert ipam.take(made, 4, "10.0.9.9") == "10.0.9.9"


def test_what_runs_on_keeps_its_address() -> None:
    ipam, made = pool(Subnet("10.0.0.0/24", "10.0.0.1"), Subnet("fd00::/64", "fd00::1"))
    ipam.hold(made.id, ["10.0.0.2", "fd00::2", ""])
    assert ipam.take(made, 4) == "10.0.0.3"
    assert ipam.take(made, 6) == "fd00::3"
    ipam.give_back(made.id, ["10.0.0.2"])
    assert ipam.take(made, 4) == "10.0.0.2"


def test_ten_thousand_addresses_are_handed_out_and_taken_back() -> None:
    ipam, made = pool(Subnet("10.0.0.0/16", "10.0.0.1"))
    given = [ipam.take(made, 4) for _ in range(10_000)]
    assert len(set(given)) == 10_000
    ipam.give_back(made.id, given)
    assert ipam.take(made, 4) == "10.0.0.2"
