"""Downloads that were broken off: what counts, what is cleared, what stays."""

from __future__ import annotations

import os
from pathlib import Path

from wherry.spec import digest as digests
from wherry.storage.partials import Partials

DIGESTS = [digests.of(bytes([number])) for number in range(3)]


def test_clearing_keeps_what_is_in_work_and_what_is_a_blob(tmp_path: Path) -> None:
    partials = Partials(str(tmp_path / "partial"))
    left, running, whole = DIGESTS
    for digest in DIGESTS:
        with partials.open(digest) as partial:
            partial.write(memoryview(bytes(8192)))
    os.link(partials.path(whole), tmp_path / "blob")
    expected = os.stat(partials.path(left)).st_blocks * 512
    assert partials.clear(but=[running]) == expected
    assert [os.path.exists(partials.path(digest)) for digest in DIGESTS] == [False, True, True]
    with partials.open(running) as partial:
        assert partial.size == 8192


def test_clearing_nothing_frees_nothing(tmp_path: Path) -> None:
    assert Partials(str(tmp_path / "partial")).clear(but=()) == 0
