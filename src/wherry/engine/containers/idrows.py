"""Rows of an id map, and what becomes of ids that go through one (user_namespaces(7))."""

from __future__ import annotations

from collections.abc import Sequence

IdRow = tuple[int, int, int]
"""First id inside, first id outside, how many. Of a mount: on disk, as seen, how many."""
IdRows = tuple[IdRow, ...]


def seen_through(rows: Sequence[IdRow], maps: Sequence[IdRow]) -> IdRows:
    """Rows (disk, inside, count) with what `inside` is outside, where it is mapped at all."""
    found = []
    for disk, seen, count in rows:
        for inside, out, size in maps:
            low, high = max(seen, inside), min(seen + count, inside + size)
            if low < high:
                found.append((disk + low - seen, out + low - inside, high - low))
    return tuple(found)


def oci(rows: Sequence[IdRow]) -> list[dict[str, int]]:
    """The rows as OCI writes them."""
    return [{"containerID": first, "hostID": other, "size": count} for first, other, count in rows]
