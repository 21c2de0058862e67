"""WWW-Authenticate as values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.registry import challenge
from wherry.registry.challenge import Challenge


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (
            ['Bearer realm="https://auth.example/token",service="reg",scope="repository:a/b:pull"'],
            [
                Challenge(
                    "bearer",
                    {
                        "realm": "https://auth.example/token",
                        "service": "reg",
                        "scope": "repository:a/b:pull",
                    },
                )
            ],
        ),
        (['BASIC Realm="x"'], [Challenge("basic", {"realm": "x"})]),
        (
            ['Bearer realm="a", scope="x y" , Basic realm="b"'],
            [
                Challenge("bearer", {"realm": "a", "scope": "x y"}),
                Challenge("basic", {"realm": "b"}),
            ],
        ),
        (
            ["Negotiate", "Basic realm=plain"],
            [Challenge("negotiate", {}), Challenge("basic", {"realm": "plain"})],
        ),
        ([r'Basic realm="a \"quoted\" word"'], [Challenge("basic", {"realm": 'a "quoted" word'})]),
        (['Bearer realm="no end'], [Challenge("bearer", {})]),
        ([""], []),
    ],
)
def test_challenges(headers: list[str], expected: list[Challenge]) -> None:
    found = challenge.parse(headers)
    assert [c for c in found if c.scheme in ("bearer", "basic", "negotiate")] == expected


@given(st.text(max_size=200))
def test_any_text_is_read_to_an_end(text: str) -> None:
    challenge.parse([text])
