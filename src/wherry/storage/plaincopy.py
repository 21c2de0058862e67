"""The `Snapshotter` for file systems without overlayfs: every snapshot is a full copy.

    snapshots/<key>/    the root file system itself

Slow and large, but it needs nothing of the kernel (Docker calls the like `vfs`).
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from wherry.kernel.mount import Mount
from wherry.storage import changes, tree, treecopy
from wherry.storage.merged import MergedTree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.storage.merged import Node
    from wherry.storage.snapshot import Change
    from wherry.storage.snapshotrecords import SnapshotRecords
    from wherry.storage.usage import Usage


class PlainCopySnapshotter:
    """Snapshots as copies of their layers."""

    name = "vfs"

    def __init__(self, root: str, records: SnapshotRecords) -> None:
        self._root = root
        self._records = records
        os.makedirs(root, mode=0o710, exist_ok=True)

    def clear_unfinished(self) -> None:
        """Drop what a crash left half deleted; once, at start."""
        for name in os.listdir(self._root):
            if name.startswith(".removing-"):
                tree.remove(os.path.join(self._root, name))

    def prepare(self, key: str, layers: Sequence[str]) -> None:
        """See `Snapshotter.prepare`."""
        self._records.add(key, layers)
        try:
            os.mkdir(self._path(key), 0o755)
            with MergedTree(self._records.directories(key)) as below:
                if layers:
                    treecopy.copy(below.top, below.root(), self._path(key))
        except BaseException:
            self.remove(key)
            raise

    def _path(self, key: str) -> str:
        return os.path.join(self._root, key)

    def mounts(self, key: str) -> list[Mount]:
        """See `Snapshotter.mounts`: one bind mount."""
        self.layers(key)
        return [Mount("bind", self._path(key), "/", ["bind"])]

    def keys(self) -> list[str]:
        """See `Snapshotter.keys`."""
        return self._records.keys()

    def layers(self, key: str) -> list[str]:
        """See `Snapshotter.layers`."""
        return self._records.layers(key)

    def remove(self, key: str) -> None:
        """See `Snapshotter.remove`."""
        if self._records.is_key(key):
            tree.remove(self._path(key))
            self._records.drop(key)

    def usage(self, key: str) -> Usage:
        """See `Snapshotter.usage`: all of the copy."""
        self.layers(key)
        return tree.measure(self._path(key))

    def written(self, key: str) -> int:
        """See `Snapshotter.written`: the files that differ from the layers."""
        self.layers(key)
        with MergedTree([self._path(key)]) as copy:
            sizes = {f"/{node.path}": node.state.st_size for node in copy.walk() if _is_file(node)}
        return sum(sizes.get(change.path, 0) for change in self.changes(key))

    def changes(self, key: str) -> list[Change]:
        """See `Snapshotter.changes`."""
        lowers = self._records.directories(key)
        with MergedTree(lowers) as below, MergedTree([self._path(key)]) as copy:
            return sorted(changes.of_copy(copy.top, below.top))

    def tree(self, key: str) -> MergedTree:
        """See `Snapshotter.tree`."""
        self.layers(key)
        return MergedTree([self._path(key)])

    def paths(self, key: str) -> dict[str, str]:
        """See `Snapshotter.paths`."""
        self.layers(key)
        return {"MergedDir": self._path(key)}


def _is_file(node: Node) -> bool:
    return stat.S_ISREG(node.state.st_mode)
