"""Which name means what to whom."""

from __future__ import annotations

import pytest

from wherry.engine.networks.dns.names import Found, Member, NameTable
from wherry.engine.networks.values import Endpoint


def member(
    endpoint: str, network: str, names: str, *addresses: str, container: str = "", **more: object
) -> Member:
    first, *_ = words = tuple(names.split())
    return Member(endpoint, network, container or first, first, words, addresses, **more)  # type: ignore[arg-type]


@pytest.fixture
def table() -> NameTable:
    table = NameTable()
    table.add_network("n1", "front")
    table.add_network("n2", "back.example")
    table.join(member("e1", "n1", "web www service", "10.0.1.2", "fd00::2"))
    table.join(member("e2", "n1", "api service", "10.0.1.3"))
    table.join(member("e3", "n2", "api", "10.0.2.3"))
    table.join(member("e4", "n2", "db", "10.0.2.4"))
    return table


def test_names_and_aliases_mean_addresses_of_both_families(table: NameTable) -> None:
    assert table.lookup("web", "web") == Found(("10.0.1.2",), ("fd00::2",))
    assert table.lookup("web", "WWW.") == Found(("10.0.1.2",), ("fd00::2",))


def test_an_alias_of_several_means_all_of_them(table: NameTable) -> None:
    found = table.lookup("web", "service")
    assert found is not None
    assert set(found.ipv4) == {"10.0.1.2", "10.0.1.3"}


def test_names_of_networks_that_the_asker_is_not_on_mean_nothing(table: NameTable) -> None:
    assert table.lookup("web", "db") is None
    assert table.lookup("db", "web") is None
    assert table.lookup("stranger", "web") is None


def test_a_name_can_be_asked_for_by_network(table: NameTable) -> None:
    assert table.lookup("api", "api.back.example") == Found(("10.0.2.3",), ())
    assert table.lookup("api", "api.front") == Found(("10.0.1.3",), ())
    assert table.lookup("api", "api.elsewhere") is None


def test_a_dotted_alias_comes_before_a_network_of_that_name(table: NameTable) -> None:
    table.join(member("e5", "n1", "x api.front", "10.0.1.9"))
    assert table.lookup("web", "api.front") == Found(("10.0.1.9",), ())


def test_the_network_with_the_higher_priority_is_asked_first(table: NameTable) -> None:
    table.join(member("e6", "n1", "both", "10.0.1.7", priority=1))
    table.join(member("e7", "n2", "both", "10.0.2.7", priority=5))
    assert table.lookup("both", "api") == Found(("10.0.2.3",), ())


def test_addresses_have_names_on_the_askers_networks_only(table: NameTable) -> None:
    assert table.reverse("web", "10.0.1.3") == "api.front"
    assert table.reverse("web", "fd00::2") == "web.front"
    assert table.reverse("web", "10.0.2.4") is None


def test_links_are_names_for_one_container_only(table: NameTable) -> None:
    table.join(member("e8", "n1", "client", "10.0.1.8", links={"Backend": "web"}))
    assert table.lookup("client", "backend") == Found(("10.0.1.2",), ("fd00::2",))
    assert table.lookup("api", "backend") is None


def test_who_leaves_is_forgotten_whole(table: NameTable) -> None:
    table.leave("e1")
    assert table.lookup("api", "web") is None
    assert table.lookup("api", "service") == Found(("10.0.1.3",), ())
    assert table.reverse("api", "10.0.1.2") is None
    table.leave("e1")
    table.forget_container("api")
    table.forget_container("db")
    table.remove_network("n1")
    table.remove_network("n2")
    assert not any(
        (table._networks, table._members, table._named, table._by_address, table._of_container)
    )


def test_joining_again_replaces_names(table: NameTable) -> None:
    table.join(member("e1", "n1", "renamed", "10.0.1.2", container="web"))
    assert table.lookup("api", "web") is None
    assert table.lookup("api", "renamed") == Found(("10.0.1.2",), ())


def test_an_endpoint_gives_its_names() -> None:
    endpoint = Endpoint(
        id="e", network_id="n", container_id="c" * 64, ipv4="10.0.0.2",
        dns_names=("web", "www", "cccccccccccc"), links=("db:database",), gw_priority=3,
    )  # fmt: skip
    assert Member.of(endpoint) == Member(
        "e", "n", "c" * 64, "web", ("web", "www", "cccccccccccc"), ("10.0.0.2",),
        {"database": "db"}, 3,
    )  # fmt: skip
