"""Ids that this host sets aside for containers, and ids that are somebody's: subuid(5), passwd(5).

Read anew each time: users come and go while the daemon runs. Imported on first use.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

OWNERS: Final = ("wherry", "containers")
"""Names whose rows in both files are ours: the second is what other engines read, too."""
FIRST, LAST = 524_288, 1_879_048_191
"""What systemd leaves to container managers (systemd's UIDS-GIDS, "container UID range")."""

Interval = tuple[int, int]
_FILES: Final = ("/etc/subuid", "/etc/subgid")
_PEOPLE: Final = ("/etc/passwd", "/etc/group")


def default_pools(
    files: tuple[str, str] = _FILES, people: tuple[str, str] = _PEOPLE
) -> tuple[list[Interval], list[Interval]]:
    """Ids to give to containers, and those among them that are somebody's.

    Rows of one of OWNERS that both files have, else the whole range without everybody's rows.
    """
    uids, gids = ([*_rows(path)] for path in files)
    for owner in OWNERS:
        own = [span for name, span in uids if name == owner and (name, span) in gids]
        if own:
            return own, []
    taken = [span for _, span in (*uids, *gids)]
    for path in people:
        taken += [(id, id + 1) for id in _numbers(path) if FIRST <= id <= LAST]
    return [(FIRST, LAST + 1)], taken


def _rows(path: str) -> Iterator[tuple[str, Interval]]:
    for line in _lines(path):
        words = line.split(":")
        if len(words) == 3 and words[1].isdigit() and words[2].isdigit():
            yield words[0], (int(words[1]), int(words[1]) + int(words[2]))


def _numbers(path: str) -> Iterator[int]:
    for line in _lines(path):
        words = line.split(":")
        if len(words) > 2 and words[2].isdigit():
            yield int(words[2])


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().splitlines()
    except OSError:
        return []
