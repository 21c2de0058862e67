"""The `Snapshotter` for file systems without overlayfs: every snapshot is a full copy.

    snapshots/<key>/    the root file system itself

Slow and large, but it needs nothing of the kernel (Docker calls the like `vfs`).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from typing import TYPE_CHECKING

from wherry.kernel.mount import Mount
from wherry.storage import changes, tree
from wherry.storage.merged import MergedTree, Node

if TYPE_CHECKING:
    from collections.abc import Sequence

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
                    _copy(below, self._path(key))
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


def _copy(source: MergedTree, target: str) -> None:
    """Copy the merged view with owners, modes, times, xattrs and hard links."""
    with tree.opened_directory(target) as root:
        linked: dict[tuple[int, int], str] = {}
        directories = [source.root()]
        for node in source.walk():
            _copy_node(node, root, linked)
            if node.is_directory:
                directories.append(node)
        for node in reversed(directories):
            _finish_directory(node, root)


def _copy_node(node: Node, root: int, linked: dict[tuple[int, int], str]) -> None:
    state = node.state
    identity = (state.st_dev, state.st_ino)
    if state.st_nlink > 1 and not node.is_directory:
        if identity in linked:
            os.link(
                linked[identity], node.path, src_dir_fd=root, dst_dir_fd=root, follow_symlinks=False
            )
            return
        linked[identity] = node.path
    if node.is_directory:
        os.mkdir(node.path, 0o700, dir_fd=root)
    elif stat.S_ISLNK(state.st_mode):
        os.symlink(node.link_target(), node.path, dir_fd=root)
        os.chown(node.path, state.st_uid, state.st_gid, dir_fd=root, follow_symlinks=False)
        os.utime(node.path, ns=_times(node), dir_fd=root, follow_symlinks=False)
    elif _is_file(node):
        _copy_file(node, root)
    else:
        os.mknod(node.path, state.st_mode, state.st_rdev, dir_fd=root)
        os.chown(node.path, state.st_uid, state.st_gid, dir_fd=root)
        os.chmod(node.path, stat.S_IMODE(state.st_mode), dir_fd=root)
        os.utime(node.path, ns=_times(node), dir_fd=root)


def _copy_file(node: Node, root: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with (
        open(node.open(), "rb") as source,
        open(os.open(node.path, flags, 0o600, dir_fd=root), "wb") as target,
    ):
        shutil.copyfileobj(source, target, 1 << 20)
        target.flush()
        _copy_face(node, target.fileno())


def _finish_directory(node: Node, root: int) -> None:
    """Directories last: their times change with their content."""
    descriptor = os.open(node.path or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=root)
    try:
        _copy_face(node, descriptor)
    finally:
        os.close(descriptor)


def _copy_face(node: Node, descriptor: int) -> None:
    """Owner before mode (chown clears set-id bits) before xattrs (chown clears capabilities)."""
    os.fchown(descriptor, node.state.st_uid, node.state.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(node.state.st_mode))
    for name, value in node.xattrs().items():
        with contextlib.suppress(PermissionError):
            os.setxattr(descriptor, name, value)
    os.utime(descriptor, ns=_times(node))


def _times(node: Node) -> tuple[int, int]:
    return (node.state.st_atime_ns, node.state.st_mtime_ns)
