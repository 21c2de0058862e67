"""Which of its two ways an overlay mount takes."""

from __future__ import annotations

import pytest

from wherry.kernel import mount
from wherry.kernel.overlay import knows_single_layers


@pytest.mark.parametrize(
    ("release", "known"),
    [
        ("6.18.44-fc-v595", True),
        ("6.8.0-rc1", True),
        ("6.8-rc1", True),
        ("6.1.0-56-cloud-amd64", False),
        ("5.15.0-1-generic", False),
        ("7.0.1", True),
    ],
)
def test_releases(release: str, known: bool) -> None:
    assert knows_single_layers(release) is known


def test_contexts_have_commas_of_their_own() -> None:
    words = ["mode=755", "context=u:r:t:s0:c1,c2", "lowerdir=a,b"]
    assert mount.joined(words) == 'mode=755,context="u:r:t:s0:c1,c2",lowerdir=a,b'
