"""Free space between ranges of addresses, on whole numbers: what is quick with hundreds of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

Interval: TypeAlias = tuple[int, int]
"""First and last number, both part of it."""


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """The same numbers in ascending intervals that do not touch."""
    found: list[Interval] = []
    for first, last in sorted(intervals):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def first_free(within: Interval, size: int, taken: Sequence[Interval]) -> int | None:
    """The lowest number from which `size` numbers are free, aligned to `size` (a power of two).

    `taken` is in the form that `merged` gives. None when there is no room.
    """
    start = -(-within[0] // size) * size
    for first, last in taken:
        if last < start:
            continue
        if first > start + size - 1:
            break
        start = (last // size + 1) * size
    return start if start + size - 1 <= within[1] else None
