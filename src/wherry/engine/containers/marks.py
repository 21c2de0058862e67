"""What the engine itself puts into a container's file system, and hides from `diff`.

Programs look for /.dockerenv to learn that they run in a container; mount points for the standard
file systems and the files of /etc are made where the image lacks them. dockerd keeps all of these
in a layer of their own, so that `diff` does not show them; here they are left out of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from wherry.storage.snapshot import ADDED, MODIFIED, Change

if TYPE_CHECKING:
    from wherry.storage.snapshot import Snapshotter

ENVIRONMENT_MARK: Final = "/.dockerenv"
OWN_PATHS: Final = frozenset(
    [
        ENVIRONMENT_MARK,
        "/dev",
        "/dev/console",
        "/dev/mqueue",
        "/dev/pts",
        "/dev/shm",
        "/etc",
        "/etc/hostname",
        "/etc/hosts",
        "/etc/resolv.conf",
        "/proc",
        "/sys",
    ]
)


def put(snapshotter: Snapshotter, key: str) -> None:
    """Put the mark of a container into a new snapshot. Raises OSError."""
    paths = snapshotter.paths(key)
    root = paths.get("UpperDir") or paths["MergedDir"]
    os.close(os.open(root + ENVIRONMENT_MARK, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o755))


def without_own(changes: Iterable[Change]) -> Sequence[Change]:
    """The changes that the container's programs made.

    A directory that only holds what the engine added counts as changed for no reason of theirs.
    """
    kept = [each for each in changes if not (each.kind == ADDED and each.path in OWN_PATHS)]
    return [each for each in kept if not _only_ours(each, kept)]


def _only_ours(change: Change, kept: Sequence[Change]) -> bool:
    if change.kind != MODIFIED or change.path not in ("/etc", "/dev"):
        return False
    return not any(other.path.startswith(f"{change.path}/") for other in kept)
