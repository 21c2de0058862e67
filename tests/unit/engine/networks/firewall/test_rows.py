"""What networks and ports become in the sets of the firewall."""

from __future__ import annotations

import pytest

from wherry.engine.networks.firewall import ruleset, sets
from wherry.engine.networks.firewall.firewall import (
    log_group,
    network_rows,
    port_row,
    suffix_of,
    table_name,
)
from wherry.engine.networks.values import GATEWAY_MODE_V4, Network, Published, Subnet


def network(**more: object) -> Network:
    values: dict[str, object] = {
        "id": "1" * 64,
        "name": "n",
        "driver": "bridge",
        "created": 0,
        "bridge": "br-1",
        "subnets": (Subnet("10.0.0.0/24", "10.0.0.1"), Subnet("fd00::/64", "fd00::1")),
    }
    return Network(**(values | more))  # type: ignore[arg-type]


def published(host_ip: str, inside: str) -> Published:
    return Published("tcp", host_ip, 8080, inside, 80, "1" * 64, "e", "c")


def names(rows: list[object]) -> set[str]:
    return {row.of.name for row in rows}  # type: ignore[attr-defined]


def test_plain_network() -> None:
    assert names([*network_rows(network())]) == {"bridges", "same", "masquerade4", "masquerade6"}


def test_internal_network_masquerades_nothing() -> None:
    assert names([*network_rows(network(internal=True))]) == {"bridges", "same", "internal"}


def test_masquerade_can_be_off_for_one_version() -> None:
    rows = network_rows(network(masquerade_v6=False))
    assert names([*rows]) == {"bridges", "same", "masquerade4"}


@pytest.mark.parametrize(
    ("mode", "name"), [("nat", ""), ("nat-unprotected", "open4"), ("routed", "routed4")]
)
def test_gateway_modes(mode: str, name: str) -> None:
    found = names([*network_rows(network(options={GATEWAY_MODE_V4: mode}))])
    assert (found & {"open4", "routed4"}) == ({name} if name else set())


@pytest.mark.parametrize(
    ("host_ip", "inside", "name", "key"),
    [
        ("0.0.0.0", "10.0.0.2", "any4", ("tcp", "8080")),
        ("::", "fd00::2", "any6", ("tcp", "8080")),
        ("127.0.0.1", "10.0.0.2", "publish4", ("tcp", "127.0.0.1", "8080")),
        ("::1", "fd00::2", "publish6", ("tcp", "::1", "8080")),
    ],
)
def test_ports(host_ip: str, inside: str, name: str, key: tuple[str, ...]) -> None:
    row = port_row(published(host_ip, inside), network())
    assert (row.of.name, row.key, row.data) == (name, key, (inside, "80"))


def test_ports_of_routed_networks_are_opened_at_the_container() -> None:
    row = port_row(published("0.0.0.0", "10.0.0.2"), network(options={GATEWAY_MODE_V4: "routed"}))
    assert (row.of.name, row.key) == ("routed_ports4", ("10.0.0.2", "tcp", "80"))


def test_engines_have_names_of_their_own() -> None:
    one, other = suffix_of("/a", "/d"), suffix_of("/b", "/d")
    assert suffix_of("/d", "/d") == ""
    assert (table_name(""), table_name(one)) == ("wherry", f"wherry-{one}")
    assert one != other
    assert log_group("") == 0x7700


def test_script_declares_every_set_before_the_chains_that_use_it() -> None:
    text = ruleset.layout(5).script("wherry", [("bridges", ['"br-1"']), ("same", [])])
    for each in sets.ALL:
        assert text.index(each.declaration()) < text.index("chain raw")
    assert 'add element inet wherry bridges { "br-1" }' in text
    assert "element inet wherry same" not in text
    assert "log group 5\n" in text
