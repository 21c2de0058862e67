"""Forms of ownership mapping, and the id maps that they mean."""

from __future__ import annotations

import itertools

import pytest

from wherry.engine.containers.mountpoints import from_bind
from wherry.engine.containers.ownership import (
    Ids,
    Mapping,
    given,
    mapping,
    matched_user,
    one_as,
    resolved,
)
from wherry.errors import Invalid, WherryError

ALL = 2**32 - 1


@pytest.mark.parametrize(
    ("disk", "seen"), [(1234, 0), (0, 1000), (1000, 1001), (7, 7), (ALL - 1, 0)]
)
def test_no_id_is_named_twice_and_none_invented(disk: int, seen: int) -> None:
    rows = one_as(disk, seen)
    for side in (0, 1):
        spans = sorted((row[side], row[side] + row[2]) for row in rows)
        assert all(end <= begin for (_, end), (begin, _) in itertools.pairwise(spans))
        assert spans[-1][1] <= ALL
    assert any(row[0] <= disk < row[0] + row[2] and disk - row[0] + row[1] == seen for row in rows)
    others = sum(count for first, there, count in rows if first == there)
    assert others == ALL if disk == seen else others == ALL - 2


def test_the_owner_is_seen_as_the_user() -> None:
    maps = mapping("owner", Ids(1234, 5), Ids(0, 0))
    assert maps is not None
    assert (maps.uids[0], maps.gids[0]) == ((1234, 0, 1), (5, 0, 1))
    assert mapping("owner", Ids(7, 8), Ids(7, 8)) is None
    caller = mapping(resolved("caller", Ids(1000, 100)), Ids(1, 1), Ids(0, 0))
    assert caller is not None and caller.uids[0] == (1000, 0, 1)


def test_given_maps() -> None:
    both = ((0, 1000, 1), (1, 5000, 10))
    assert given("uids=0-1000-1#1-5000-10") == Mapping(both, both)
    assert given("uids=0-1-1;gids=2-3-4") == Mapping(((0, 1, 1),), ((2, 3, 4),))


@pytest.mark.parametrize(
    "form",
    [
        "x",
        "uids",
        "uids=",
        "uids=1-2",
        "uids=1-2-0",
        "uids=a-b-c",
        "uids=0-0-4294967296",
        "gids=-1-2-3",
        "uids=0-1-5#3-9-1",
        "uids=0-1-5#9-3-1",
        "uids=0-1-1;uids=0-1-1",
    ],
)
def test_bad_forms(form: str) -> None:
    with pytest.raises(WherryError, match="idmap"):
        resolved(form, None)


def test_a_caller_who_is_not_known() -> None:
    with pytest.raises(Invalid, match="unix socket"):
        resolved("caller", None)


def test_words_of_a_bind() -> None:
    def form(mode: str) -> str:
        return from_bind(f"/s:/t:{mode}", str).point.idmap

    assert form("ro") == ""
    assert form("idmap") == form("idmap=owner,ro") == "owner"
    assert form("idmap=uids=0-1-1;gids=0-1-1") == "uids=0-1-1;gids=0-1-1"
    with pytest.raises(Invalid, match="invalid mode"):
        from_bind("/s:/t:idmap,idmap=caller", str)


def test_a_matched_user() -> None:
    kept = resolved("match-user:www-data:adm", None)
    assert matched_user(kept) == "www-data:adm"
    assert matched_user("1:2") == matched_user("owner") == ""
    assert mapping(kept, Ids(7, 8), Ids(33, 4)) == mapping("owner", Ids(7, 8), Ids(33, 4))


def test_alone_only_the_owner_is_mapped() -> None:
    assert mapping("owner", Ids(7, 8), Ids(0, 0), alone=True) == Mapping(((7, 0, 1),), ((8, 0, 1),))
    assert mapping("0:0", Ids(7, 8), Ids(0, 0), alone=True) == Mapping(((0, 0, 1),), ((0, 0, 1),))
    assert mapping("uids=0-1-9", Ids(7, 8), Ids(0, 0), alone=True) == given("uids=0-1-9")
