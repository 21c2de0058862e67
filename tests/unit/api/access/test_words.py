"""Words of --allow."""

from __future__ import annotations

import pytest

from wherry.api.access.verbs import READING
from wherry.api.access.words import GRANTABLE, verbs_of
from wherry.errors import Invalid


def test_words_become_verbs() -> None:
    assert verbs_of(["container:list", "events"]) == (
        "container:list",
        "events",
        "ping",
        "unserved",
    )
    assert set(verbs_of(["read"])) <= READING
    assert {"container:exec", "container:create"} <= set(verbs_of(["container"]))


def test_reading_does_not_carry_files_away() -> None:
    assert not {"container:copy-out", "image:save", "volume:copy-out"} & set(verbs_of(["read"]))


@pytest.mark.parametrize("word", ["", "all", "engine:shutdown", "image:load", "unknown", "ping "])
def test_what_cannot_be_given(word: str) -> None:
    assert word not in GRANTABLE
    with pytest.raises(Invalid, match="there is no verb"):
        verbs_of([word])


def test_a_socket_allows_something() -> None:
    with pytest.raises(Invalid, match="must allow something"):
        verbs_of([])
