"""The `Snapshotter` over overlayfs: layers stay where they are, the kernel merges them.

snapshots/<key>/upper    what the container wrote
snapshots/<key>/work     overlayfs' own
"""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING

from wherry.kernel.mount import Mount
from wherry.storage import changes, tree
from wherry.storage.merged import MergedTree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.storage.snapshot import Change
    from wherry.storage.snapshotrecords import SnapshotRecords
    from wherry.storage.usage import Usage

_FEATURES_OFF = ("redirect_dir", "metacopy", "index")
"""Features that leave things in the upper directory which a diff cannot express."""


class OverlaySnapshotter:
    """Snapshots as overlayfs upper directories."""

    name = "overlay2"

    def __init__(self, root: str, records: SnapshotRecords) -> None:
        self._root = root
        self._records = records
        self._empty = os.path.join(root, ".empty")
        self._options = [f"{name}=off" for name in _FEATURES_OFF if _is_on_by_default(name)]
        os.makedirs(self._empty, mode=0o755, exist_ok=True)

    def clear_unfinished(self) -> None:
        """Drop what a crash left half deleted; once, at start."""
        for name in os.listdir(self._root):
            if name.startswith(".removing-"):
                tree.remove(os.path.join(self._root, name))

    def prepare(self, key: str, layers: Sequence[str]) -> None:
        """See `Snapshotter.prepare`."""
        self._records.add(key, layers)
        try:
            self._make_directories(key, layers)
        except BaseException:
            self.remove(key)
            raise

    def _make_directories(self, key: str, layers: Sequence[str]) -> None:
        """The upper directory shows as the root: it takes the topmost layer's attributes."""
        base = self._path(key)
        upper, work = f"{base}/upper", f"{base}/work"
        os.mkdir(base, 0o710)
        os.mkdir(upper)
        os.mkdir(work, 0o700)
        face = os.stat(self._records.directory(layers[-1]) if layers else self._empty)
        if face.st_uid or face.st_gid:
            os.chown(upper, face.st_uid, face.st_gid)
        os.chmod(upper, stat.S_IMODE(face.st_mode))
        os.utime(upper, ns=(face.st_atime_ns, face.st_mtime_ns))

    def _path(self, key: str) -> str:
        return os.path.join(self._root, key)

    def _lowers(self, key: str) -> list[str]:
        return self._records.directories(key) or [self._empty]

    def mounts(self, key: str) -> list[Mount]:
        """See `Snapshotter.mounts`: one overlay mount."""
        options = [f"lowerdir+={directory}" for directory in self._lowers(key)]
        base = self._path(key)
        options += [f"upperdir={base}/upper", f"workdir={base}/work", *self._options]
        return [Mount("overlay", "overlay", "/", options)]

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
        """See `Snapshotter.usage`."""
        self.layers(key)
        return tree.measure(self._path(key))

    def written(self, key: str) -> int:
        """See `Snapshotter.written`."""
        self.layers(key)
        return tree.length(f"{self._path(key)}/upper")

    def changes(self, key: str) -> list[Change]:
        """See `Snapshotter.changes`."""
        lowers = self._records.directories(key)
        with MergedTree(lowers) as below, MergedTree([f"{self._path(key)}/upper"]) as upper:
            return sorted(changes.of_upper(upper.top, below.top))

    def tree(self, key: str) -> MergedTree:
        """See `Snapshotter.tree`."""
        return MergedTree([f"{self._path(key)}/upper", *self._records.directories(key)])

    def paths(self, key: str) -> dict[str, str]:
        """See `Snapshotter.paths`; `MergedDir` is where Docker would mount it."""
        base = self._path(key)
        return {
            "LowerDir": ":".join(self._lowers(key)),
            "MergedDir": f"{base}/merged",
            "UpperDir": f"{base}/upper",
            "WorkDir": f"{base}/work",
        }


def _is_on_by_default(feature: str) -> bool:
    """Whether the kernel was built or booted with an overlayfs feature switched on."""
    parameter = f"/sys/module/overlay/parameters/{feature}"
    with contextlib.suppress(OSError), open(parameter) as file:
        return file.read().strip() == "Y"
    return False
