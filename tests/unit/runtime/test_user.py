from __future__ import annotations

import pytest

from wherry.runtime.failure import Failure
from wherry.runtime.steps.user import resolve

PASSWD = [
    ["root", "x", "0", "0", "", "/root", ""],
    ["ann", "x", "10", "20", "", "/home/ann", ""],
    ["5", "x", "50", "51", "", "/five", ""],
]
GROUP = [["wheel", "x", "0", ""], ["ann", "x", "20", ""], ["dev", "x", "30", "bob,ann"]]


@pytest.mark.parametrize(
    ("user", "groups", "ids", "home"),
    [
        ("ann", [], (10, 20, [20, 30]), "/home/ann"),
        ("10", [], (10, 20, [20, 30]), "/home/ann"),
        ("10:dev", ["ann"], (10, 30, [30, 20]), "/home/ann"),
        ("5", [], (50, 51, [51]), "/five"),  # a name that looks like a number is a name
        ("99", ["7"], (99, 0, [0, 7]), "/"),
        ("", [], (0, 0, [0]), "/root"),
        (":dev", [], (0, 30, [30]), "/root"),
    ],
)
def test_rules(user: str, groups: list[str], ids: tuple[int, int, list[int]], home: str) -> None:
    assert resolve(user, groups, PASSWD, GROUP) == (ids, home)


@pytest.mark.parametrize(
    ("user", "text"),
    [
        ("bob", "unable to find user bob: no matching entries in passwd file"),
        ("ann:x", "unable to find group x: no matching entries in group file"),
        ("-1", "uids and gids must be in range 0-2147483647"),
        ("1:2147483648", "uids and gids must be in range 0-2147483647"),
    ],
)
def test_messages_are_dockers(user: str, text: str) -> None:
    with pytest.raises(Failure) as caught:
        resolve(user, [], PASSWD, GROUP)
    assert caught.value.text == text
