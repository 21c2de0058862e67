"""Which ids a container gets, and that nobody else has them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from wherry.engine.containers.config import HostConfig
from wherry.engine.containers.idrows import IdRows, seen_through
from wherry.engine.containers.subordinate import FIRST, LAST, default_pools
from wherry.engine.containers.usernamespaces import (
    SIZE,
    UserNamespaces,
    UserNamespaceSettings,
    automatic_size,
    check_mode,
    first_gap,
    mode_of,
    parse_map,
)
from wherry.errors import Conflict, Invalid, NotFound, Unavailable

POOL = (100_000, 100_000 + 4 * SIZE)


class Containers:
    """As much of a roster as is asked."""

    def __init__(self) -> None:
        self.lives: list[Any] = []

    def add(self, name: str, mode: str, rows: IdRows) -> None:
        host = HostConfig(userns_mode=mode)
        record = SimpleNamespace(name=name, user_map=rows, host_config=host)
        self.lives.append(SimpleNamespace(record=record))

    def find(self, name: str) -> Any:
        for live in self.lives:
            if live.record.name == name:
                return live
        raise NotFound(f"No such container: {name}")

    def __iter__(self) -> Any:
        return iter(self.lives)


@pytest.fixture
def containers() -> Containers:
    return Containers()


def namespaces(containers: Any, default: str = "host") -> UserNamespaces:
    return UserNamespaces(UserNamespaceSettings(default, POOL), containers)


def given(containers: Any, mode: str, default: str = "host", **host: Any) -> tuple[str, IdRows]:
    with namespaces(containers, default).hold(HostConfig(userns_mode=mode, **host)) as chosen:
        return chosen


@pytest.mark.parametrize("mode", ["", "host", "auto", "private", "auto:size=100", "0:1:6,9:100:1"])
def test_modes(mode: str) -> None:
    check_mode(mode)


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("x", "invalid user namespace mode: x"),
        ("auto:size=", "invalid user namespace mode"),
        ("auto:size=5", "invalid user namespace mode"),
        ("auto:number=100", "invalid user namespace mode"),
        ("0:1", "invalid user namespace mode"),
        ("0:x:9", "invalid user namespace mode"),
        ("0:1:0", "outside of 0 to 4294967294"),
        ("0:4294967290:9", "outside of 0 to 4294967294"),
        ("0:1:10,5:100:10", "two rows name the same id"),
        ("0:1:10,10:5:10", "two rows name the same id"),
        ("1:1:10", "0, root, must be mapped"),
        ("0:1:1", "5, the group of terminals, must be mapped"),
        (",".join(f"{n}:{n}:1" for n in range(400)), "more than 340 rows"),
    ],
)
def test_modes_that_are_none(mode: str, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        check_mode(mode)


def test_automatic_sizes() -> None:
    assert automatic_size("auto") == automatic_size("private") == SIZE
    assert automatic_size("auto:size=1000") == 1000
    assert automatic_size("0:1:10") is None
    assert automatic_size("host") is None


@pytest.mark.parametrize(
    "host", [{"privileged": True}, {"network_mode": "host"}, {"pid_mode": "host"}]
)
def test_what_takes_the_host_s_own(host: dict[str, Any]) -> None:
    assert mode_of(HostConfig(**host), "auto") == "host"
    assert mode_of(HostConfig(userns_mode="host", **host), "auto") == "host"
    with pytest.raises(Invalid, match="user namespaces") as refused:
        mode_of(HostConfig(userns_mode="auto", **host), "host")
    assert "--userns=host" in str(refused.value.hint)


def test_ranges_never_overlap(containers: Containers) -> None:
    for number in range(4):
        mode, rows = given(containers, "auto")
        assert (mode, rows) == ("auto", ((0, POOL[0] + number * SIZE, SIZE),))
        containers.add(f"c{number}", mode, rows)
    with pytest.raises(Unavailable, match="no 65536 ids in a row are free") as refused:
        given(containers, "auto")
    assert "userns-pool" in str(refused.value.hint)
    del containers.lives[1]
    assert given(containers, "auto:size=100")[1] == ((0, POOL[0] + SIZE, 100),)


def test_creates_at_the_same_time_do_not_get_the_same(containers: Containers) -> None:
    many = namespaces(containers)
    auto = HostConfig(userns_mode="auto")
    with many.hold(auto) as (_, first), many.hold(auto) as (_, second):
        assert first != second
    # The ids of one that is gone come back last.
    with many.hold(auto) as (_, third), many.hold(auto) as (_, fourth), many.hold(auto) as last:
        assert len({first, second, third, fourth}) == 4
        assert last[1] == first


def test_what_comes_next_is_known(containers: Containers) -> None:
    many = namespaces(containers)
    auto = HostConfig(userns_mode="auto")
    for _ in range(6):
        expected = many.upcoming(2)
        with many.hold(auto) as (_, rows):
            assert rows == expected[0]
            assert many.upcoming(1) == expected[1:]
    assert len(many.upcoming(9)) == 4


def test_the_default_is_for_who_says_nothing(containers: Containers) -> None:
    assert given(containers, "", "auto")[0] == "auto"
    assert given(containers, "host", "auto") == ("host", ())
    assert given(containers, "", "auto", privileged=True) == ("host", ())
    assert given(containers, "", "host") == ("", ())
    with namespaces(containers, "auto").hold(HostConfig(), able=False) as chosen:
        assert chosen == ("host", ())


def test_a_given_map(containers: Containers) -> None:
    assert given(containers, "10:300:5,0:700000:10") == (
        "10:300:5,0:700000:10", ((0, 700_000, 10), (10, 300, 5)),
    )  # fmt: skip
    containers.add("web", "auto", ((0, 700_000, 10),))
    with pytest.raises(Conflict, match="container web has some of these ids"):
        given(containers, "0:700009:10")
    containers.add("db", "0:800000:10", ((0, 800_000, 10),))
    assert given(containers, "0:800000:10")[1]  # who writes maps knows what they share


def test_who_borrows_is_where_the_lender_is(containers: Containers) -> None:
    containers.add("web", "auto", ((0, 700_000, 10),))
    containers.add("db", "", ())
    assert given(containers, "", network_mode="container:web") == ("auto", ((0, 700_000, 10),))
    assert given(containers, "", "auto", pid_mode="container:db") == ("host", ())
    assert given(containers, "", pid_mode="container:db") == ("", ())
    for mode, lender in (("host", "web"), ("0:1:10", "web"), ("auto", "db")):
        with pytest.raises(Invalid, match=f"container {lender}, whose namespaces are to be joined"):
            given(containers, mode, network_mode=f"container:{lender}")
    with pytest.raises(Invalid, match="different user namespaces"):
        given(containers, "", network_mode="container:web", pid_mode="container:db")


def test_a_lender_that_is_not_there_is_told_at_the_start(containers: Containers) -> None:
    assert given(containers, "", network_mode="container:nobody") == ("", ())


def test_first_gap() -> None:
    taken = [(0, 10), (5, 20), (30, 40)]
    assert first_gap(0, taken, 10) == 20
    assert first_gap(0, taken, 11) == 40
    assert first_gap(25, taken, 5) == 25
    assert first_gap(50, taken, 5) == 50


def test_rows_seen_through_a_map() -> None:
    user_map = ((0, 1000, 10), (10, 5000, 5))
    assert seen_through(((7, 0, 1),), user_map) == ((7, 1000, 1),)
    assert seen_through(((100, 8, 4),), user_map) == ((100, 1008, 2), (102, 5000, 2))
    assert seen_through(((0, 20, 5),), user_map) == ()
    assert parse_map("0:1000:10,10:5000:5") == user_map


def files(tmp_path: Path, *texts: str) -> list[str]:
    paths = []
    for number, text in enumerate(texts):
        paths.append(str(tmp_path / str(number)))
        Path(paths[-1]).write_text(text)
    return paths


def test_pools_of_this_host(tmp_path: Path) -> None:
    own = "alice:100000:65536\ncontainers:2000000:131072\n"
    uids, gids, none = files(tmp_path, own, own, "")
    assert default_pools((uids, gids), (none, none)) == ([(2_000_000, 2_131_072)], [])
    other, people = files(tmp_path, "alice:600000:65536\n", f"bob:x:{FIRST + 5}:1::/:\nbad\n")
    pools, taken = default_pools((other, str(tmp_path / "missing")), (people, none))
    assert pools == [(FIRST, LAST + 1)]
    assert sorted(taken) == [(FIRST + 5, FIRST + 6), (600_000, 665_536)]
