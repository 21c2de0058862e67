from __future__ import annotations

import pytest

from wherry.engine.networks.intervals import first_free, merged
from wherry.engine.networks.pools import (
    SubnetChooser,
    check_pool,
    overlapping,
    unique_local_prefix,
)
from wherry.engine.networks.settings import BRIDGE_POOLS, DEFAULT_POOLS, AddressPool
from wherry.errors import Invalid, NotFound


def test_intervals_that_touch_become_one() -> None:
    assert merged([(5, 6), (1, 2), (3, 4), (9, 9)]) == [(1, 6), (9, 9)]


def test_free_space_is_aligned_and_within() -> None:
    assert first_free((0, 31), 8, [(0, 3), (9, 9)]) == 16
    assert first_free((0, 31), 8, []) == 0
    assert first_free((0, 31), 8, [(0, 24)]) is None
    assert first_free((3, 31), 8, []) == 8


def test_the_default_bridge_looks_elsewhere_first() -> None:
    chooser = SubnetChooser(DEFAULT_POOLS, "id")
    assert chooser.choose(4, [], BRIDGE_POOLS) == "172.17.0.0/20"
    assert chooser.choose(4, ["172.17.0.0/16"], BRIDGE_POOLS) == "172.18.0.0/24"
    assert chooser.choose(4, []) == "172.18.0.0/24"


def test_subnets_avoid_networks_and_routes() -> None:
    chooser = SubnetChooser(DEFAULT_POOLS, "id")
    assert chooser.choose(4, ["172.17.0.0/16"]) == "172.18.0.0/24"
    assert chooser.choose(4, ["172.18.0.1/32"]) == "172.18.1.0/24"
    assert chooser.choose(4, ["172.16.0.0/12"]) == "192.168.0.0/24"


def test_five_hundred_networks_fit_and_are_disjoint() -> None:
    chooser = SubnetChooser(DEFAULT_POOLS, "id")
    taken = ["172.17.0.0/16", "10.0.0.0/8", "172.20.128.0/17"]
    for _ in range(500):
        subnet = chooser.choose(4, taken)
        assert overlapping(subnet, taken) is None
        taken.append(subnet)


def test_what_is_used_up_is_told() -> None:
    chooser = SubnetChooser([AddressPool("10.0.0.0/24", 25)], "id")
    with pytest.raises(NotFound, match="could not find an available, non-overlapping IPv4"):
        chooser.choose(4, ["10.0.0.0/25", "10.0.0.128/25"])


def test_ipv6_subnets_are_this_engines_own() -> None:
    prefix = unique_local_prefix("id")
    assert prefix == unique_local_prefix("id") != unique_local_prefix("other")
    first = SubnetChooser(DEFAULT_POOLS, "id").choose(6, [])
    assert first == prefix.replace("/48", "/64")
    assert first.startswith("fd")
    assert SubnetChooser(DEFAULT_POOLS, "id").choose(6, [first]) != first


@pytest.mark.parametrize(("base", "size"), [("10.0.0.0/33", 24), ("10.0.0.0/16", 8), ("x", 24),
                                            ("10.0.0.0/16", 31)])  # fmt: skip
def test_pools_that_make_no_sense(base: str, size: int) -> None:
    with pytest.raises(Invalid):
        check_pool(AddressPool(base, size))
