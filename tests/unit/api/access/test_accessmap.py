"""Levels of callers by their ids."""

from __future__ import annotations

import pytest

from wherry.api.access.accessmap import AccessMap
from wherry.daemon.accesssettings import access_map
from wherry.errors import Denied, Invalid
from wherry.http.body import Body
from wherry.http.flow import Inbox
from wherry.http.message import Credentials, Request


def request(peer: Credentials | None, method: str = "GET", path: str = "/info") -> Request:
    body = Body(Inbox(lambda: None, lambda: None), 0, lambda: None)
    return Request(method, path, "", "1.1", {}, body, "" if peer else "192.0.2.1", peer)


def who(uid: int, gid: int = 100, *groups: int) -> Credentials:
    return Credentials(7, uid, gid, groups)


MAP = AccessMap(
    default="read-only", tcp="none", users={5: "none", 6: "all"}, groups={20: "all", 21: "none"}
)


@pytest.mark.parametrize(
    ("peer", "level"),
    [
        (who(1), "read-only"),
        (who(5, 20), "none"),
        (who(6, 21), "all"),
        (who(1, 20), "all"),
        (who(1, 100, 21), "none"),
        (who(1, 21, 20), "all"),
        (None, "none"),
    ],
)
def test_whose_level_counts(peer: Credentials | None, level: str) -> None:
    assert MAP.level(peer)[0] == level


def test_reading_is_reading() -> None:
    MAP.check(request(who(1)), "container:list")
    with pytest.raises(Denied, match=r"uid 1 \(pid 7\) may not POST /x: whoever is not named"):
        MAP.check(request(who(1), "POST", "/x"), "container:create")
    with pytest.raises(Denied, match="user 5 may do nothing"):
        MAP.check(request(who(5)), "ping")
    with pytest.raises(Denied, match=r"the caller at 192\.0\.2\.1 may not"):
        MAP.check(request(None), "container:list")


def test_what_has_no_verb_is_not_reading() -> None:
    with pytest.raises(Denied):
        MAP.check(request(who(1)), "unknown")
    MAP.check(request(who(6)), "unknown")


def test_names_become_ids() -> None:
    found = access_map({"default": "none", "users": {"root": "all", "77": "read-only"}})
    assert (found.default, found.tcp) == ("none", "all")
    assert found.users == {0: "all", 77: "read-only"}
    assert access_map({"groups": {"root": "none"}}).groups == {0: "none"}


@pytest.mark.parametrize(
    "given",
    [
        {"user": {}},
        {"default": "some"},
        {"users": ["root"]},
        {"users": {"no-such-user-here": "all"}},
        {"groups": {"root": True}},
    ],
)
def test_mistakes_are_told(given: dict[str, object]) -> None:
    with pytest.raises(Invalid, match="access: "):
        access_map(given)
