"""Finding by id, name and prefix."""

from __future__ import annotations

import pytest

from wherry.engine.containers.index import Index
from wherry.errors import Invalid, NotFound


@pytest.fixture
def index() -> Index[str]:
    made: Index[str] = Index("container")
    for id, name in (("aabb", "web"), ("aacc", "db"), ("ddee", "aa")):
        made.reserve(name, id)
        made.add(id, id)
    return made


def test_whole_id_name_and_prefix(index: Index[str]) -> None:
    assert index.find("aabb") == "aabb"
    assert index.find("web") == index.find("/web") == "aabb"
    assert index.find("dd") == "ddee"


def test_a_name_wins_over_a_prefix(index: Index[str]) -> None:
    assert index.find("aa") == "ddee"


def test_an_ambiguous_prefix_is_docker_s_error(index: Index[str]) -> None:
    with pytest.raises(Invalid) as caught:
        index.find("a")
    assert caught.value.message == "multiple IDs found with provided prefix: a"


@pytest.mark.parametrize("ref", ["", "zz", "aabbcc", "/"])
def test_what_is_not_there(index: Index[str], ref: str) -> None:
    with pytest.raises(NotFound, match="No such container"):
        index.find(ref)


def test_what_was_removed_is_not_found(index: Index[str]) -> None:
    index.discard("aabb")
    index.release("web")
    assert index.find("a" * 2) == "ddee"
    with pytest.raises(NotFound):
        index.find("web")
    assert index.find("aac") == "aacc"


def test_a_reserved_name_is_taken_but_not_found(index: Index[str]) -> None:
    assert index.reserve("new", "ffff") is None
    assert index.reserve("new", "0000") == "ffff"
    with pytest.raises(NotFound):
        index.find("new")
