"""Kinds of access by version of the interface; what rules do is tested as root in containers."""

from __future__ import annotations

from wherry.kernel import landlock


def test_each_version_denies_more() -> None:
    first = landlock.handled_files(1)
    assert first == (1 << 13) - 1
    assert landlock.handled_files(2) == first | landlock.REFER
    assert landlock.handled_files(3) == first | landlock.REFER | landlock.TRUNCATE
    assert landlock.handled_files(4) == landlock.handled_files(3)
    assert landlock.handled_files(5) == (1 << 16) - 1
    assert landlock.handled_files(99) == (1 << 16) - 1


def test_the_kernel_answers() -> None:
    assert landlock.abi() >= 0
