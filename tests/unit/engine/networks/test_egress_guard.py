"""What a policy opens, for whom and for how long: rows compared as values."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from wherry.engine.networks import egress_guard
from wherry.engine.networks.dns.message import Record, Response
from wherry.engine.networks.dns.upstream import Reply
from wherry.engine.networks.egress import parse
from wherry.engine.networks.egress_guard import Guard
from wherry.engine.networks.firewall.table import Row


class Table:
    """Keeps what stands in it, and refuses what a set of the kernel would refuse."""

    def __init__(self) -> None:
        self.rows: set[tuple[str, tuple[str, ...]]] = set()

    def change(self, *, add: Sequence[Row] = (), delete: Sequence[Row] = ()) -> None:
        for row in delete:
            self.rows.remove((row.of.name, row.key))
        for row in add:
            assert (row.of.name, row.key) not in self.rows
            self.rows.add((row.of.name, row.key))


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def guard(text: str, table: Table, clock: Clock, *sources: str) -> Guard:
    made = Guard(parse(text), sources or ("10.0.0.2", "fd00::2"), table, clock)
    table.change(add=made.fixed_rows())
    return made


def reply(name: str, *records: Record) -> Reply:
    return Reply(b"", Response(1, 0, False, name, 1, records, None))


def keys(rows: Sequence[Row]) -> set[tuple[str, tuple[str, ...]]]:
    return {(row.of.name, row.key) for row in rows}


def test_deny_guards_every_address_and_opens_none() -> None:
    table = Table()
    denying = guard("deny", table, Clock())
    assert table.rows == {("guarded4", ("10.0.0.2",)), ("guarded6", ("fd00::2",))}
    assert not denying.allows("example.org")


def test_subnets_and_ports_stand_from_the_start_without_overlaps() -> None:
    rows = guard(
        "allow=10.0.0.0/8,10.1.0.0/16,192.0.2.7:53,2001:db8::/32", Table(), Clock()
    ).fixed_rows()
    assert keys(rows) >= {
        ("networks4", ("10.0.0.2", "10.0.0.0/8")),
        ("network_ports4", ("10.0.0.2", "192.0.2.7/32", "udp", "53")),
        ("networks6", ("fd00::2", "2001:db8::/32")),
    }
    assert ("networks4", ("10.0.0.2", "10.1.0.0/16")) not in keys(rows)


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("example.org", True), ("www.example.org", False), ("a.cdn.test", True),
        ("a.b.cdn.test", True), ("cdn.test", False), ("xcdn.test", False), ("", False),
    ],
)  # fmt: skip
def test_names_are_allowed_by_rule(name: str, allowed: bool) -> None:
    assert guard("allow=example.org,*.cdn.test", Table(), Clock()).allows(name) is allowed


def test_answers_open_addresses_of_the_asked_name_and_its_aliases_only() -> None:
    table = Table()
    learning = guard("allow=example.org:443", table, Clock(), "10.0.0.2")
    learning.learn(
        reply(
            "example.org",
            Record("example.org", 5, 300, "cdn.test"),
            Record("cdn.test", 1, 300, "192.0.2.1"),
            Record("planted.test", 1, 300, "192.0.2.2"),
            Record("cdn.test", 28, 300, "2001:db8::1"),
        )
    )
    assert {key for name, key in table.rows if name != "guarded4"} == {
        ("10.0.0.2", "192.0.2.1", protocol, "443") for protocol in ("tcp", "udp", "sctp")
    }


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "169.254.169.254", "224.0.0.1", "0.0.0.0", "::1", "fe80::1", "::ffff:127.0.0.1"],
)
def test_a_names_owner_cannot_point_at_the_host_or_the_cloud(address: str) -> None:
    table = Table()
    learning = guard("allow=evil.test", table, Clock())
    before = set(table.rows)
    learning.learn(reply("evil.test", Record("evil.test", 28, 300, address)))
    assert table.rows == before


def test_addresses_go_when_their_time_is_over_and_stay_when_it_is_renewed() -> None:
    table, clock = Table(), Clock()
    learning = guard("allow=a.test", table, clock, "10.0.0.2")
    answer = reply("a.test", Record("a.test", 1, 120, "192.0.2.1"))
    learning.learn(answer)
    clock.now += 100
    learning.learn(answer)
    clock.now += 100
    learning.sweep()
    assert ("allowed4", ("10.0.0.2", "192.0.2.1")) in table.rows
    clock.now += 30
    learning.sweep()
    assert table.rows == {("guarded4", ("10.0.0.2",))}


def test_a_name_cannot_open_addresses_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(egress_guard, "MOST", 3)
    table = Table()
    learning = guard("allow=a.test", table, Clock(), "10.0.0.2")
    for number in range(5):
        learning.learn(reply("a.test", Record("a.test", 1, 120, f"192.0.2.{number}")))
    assert {key[1] for name, key in table.rows if name == "allowed4"} == {
        "192.0.2.2", "192.0.2.3", "192.0.2.4",
    }  # fmt: skip
    table.change(delete=learning.all_rows())
    assert not table.rows
