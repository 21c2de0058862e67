"""Snapshots: a stack of layers plus a writable one on top, as a container sees it.

The role `Snapshotter` has two implementations that one contract suite holds to the same behaviour
(tests/contract/test_snapshotter.py): `storage.overlay` and `storage.plaincopy`.

Words: *key* names a snapshot (a container's id; build steps choose their own); *layers* are diffIDs
from the bottom up. A snapshot keeps its layers alive: no layer of an existing snapshot is ever
deleted. Methods block (file system work); call them from a worker thread where the time matters.
`prepare`, `mounts` and `remove` of an untouched overlay snapshot take well under a millisecond.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.kernel.mount import Mount
    from wherry.storage.merged import MergedTree
    from wherry.storage.usage import Usage

MODIFIED, ADDED, DELETED = 0, 1, 2
"""Kinds of change, with the numbers of Docker's API (`GET /containers/{id}/changes`)."""


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """One path (absolute, inside the snapshot) that differs from the layers below."""

    path: str
    kind: int

    @property
    def letter(self) -> str:
        """`C`, `A` or `D`, as `docker diff` prints it."""
        return "CAD"[self.kind]


class Snapshotter(Protocol):
    """Makes, mounts, measures and removes snapshots."""

    @property
    def name(self) -> str:
        """The driver's name, as `docker info` and `docker inspect` show it (`overlay2`, `vfs`)."""

    def prepare(self, key: str, layers: Sequence[str]) -> None:
        """Make an empty writable snapshot over the layers (diffIDs, bottom first; may be empty).

        Raises Conflict when the key exists, NotFound when a layer does not, Invalid when there are
        more layers than the driver can stack. Nothing is left behind on failure.
        """

    def mounts(self, key: str) -> list[Mount]:
        """What to mount, in order, to see the snapshot; the targets are relative to its root.

        Raises NotFound. The caller mounts; the snapshotter never does.
        """

    def keys(self) -> list[str]:
        """Every snapshot there is; the engine removes those that nothing owns when it starts."""

    def layers(self, key: str) -> list[str]:
        """The diffIDs given to `prepare`. Raises NotFound."""

    def remove(self, key: str) -> None:
        """Delete it with all its content. Removing what does not exist is no error.

        The caller sees to it that it is not mounted any more. May be repeated after a crash.
        """

    def usage(self, key: str) -> Usage:
        """What the writable part holds on disk. Raises NotFound."""

    def written(self, key: str) -> int:
        """Docker's SizeRw: the sum of the lengths of the files in the writable part, in bytes."""

    def changes(self, key: str) -> list[Change]:
        """What differs from the layers, sorted by path. Raises NotFound."""

    def tree(self, key: str) -> MergedTree:
        """The merged view, readable without a mount, also while a container runs on it."""

    def paths(self, key: str) -> dict[str, str]:
        """The directories that make it up, by Docker's GraphDriver.Data names. Raises NotFound."""
