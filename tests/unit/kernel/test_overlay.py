from __future__ import annotations

import pytest

from wherry.kernel.overlay import split_options


@pytest.mark.parametrize(
    ("options", "layers", "others"),
    [
        (["lowerdir+=/a", "lowerdir+=/b:c", "upperdir=/u"], ["/a", "/b:c"], ["upperdir=/u"]),
        (["lowerdir=/a:/b\\:c", "userxattr"], ["/a", "/b:c"], ["userxattr"]),
        ([], [], []),
    ],
)
def test_both_spellings_of_layers(options: list[str], layers: list[str], others: list[str]) -> None:
    assert split_options(options) == (layers, others)
