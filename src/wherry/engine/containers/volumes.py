"""Anonymous volumes: directories that belong to one container, begun with the image's files.

What the image has at the target is copied, with owners, modes, times and extended attributes, as
Docker fills a new volume; `nocopy` leaves it empty.
"""

from __future__ import annotations

import asyncio
import os
import stat
from typing import TYPE_CHECKING

from wherry.engine.containers.record import Container, MountPoint

if TYPE_CHECKING:
    from wherry.storage.merged import Node
    from wherry.storage.snapshot import Snapshotter


async def make(record: Container, snapshotter: Snapshotter) -> None:
    """Make the container's anonymous volumes. Raises OSError."""
    wanted = [point for point in record.mounts if point.kind == "volume"]
    if wanted:
        await asyncio.to_thread(_make, wanted, record.id, snapshotter)


def _make(points: list[MountPoint], key: str, snapshotter: Snapshotter) -> None:
    targets = {point.destination.lstrip("/"): point for point in points}
    for point in points:
        os.makedirs(point.source, mode=0o755)
    with snapshotter.tree(key) as tree:
        for node in tree.walk():
            for target, point in targets.items():
                below = _below(node.path, target)
                if below is not None and "nocopy" not in point.mode.split(","):
                    copy(node, os.path.join(point.source, below) if below else point.source)


def _below(path: str, target: str) -> str | None:
    """The path relative to the target; None when it is neither the target nor below it."""
    if path == target:
        return ""
    return path[len(target) + 1 :] if path.startswith(target + "/") else None


def copy(node: Node, path: str) -> None:
    """Make `path` what the node is: directory, file, link, device or fifo, with its attributes."""
    mode = node.state.st_mode
    if stat.S_ISDIR(mode):
        os.makedirs(path, exist_ok=True)
    elif stat.S_ISLNK(mode):
        os.symlink(node.link_target(), path)
    elif stat.S_ISREG(mode):
        _copy_content(node, path)
    else:
        os.mknod(path, mode, node.state.st_rdev)
    _copy_attributes(node, path)


def _copy_content(node: Node, path: str) -> None:
    source = node.open()
    try:
        target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            while os.sendfile(target, source, None, 1 << 24) > 0:
                pass
        finally:
            os.close(target)
    finally:
        os.close(source)


def _copy_attributes(node: Node, path: str) -> None:
    """Owner first: changing it clears the set-id bits of the mode."""
    state = node.state
    os.chown(path, state.st_uid, state.st_gid, follow_symlinks=False)
    if not stat.S_ISLNK(state.st_mode):
        os.chmod(path, stat.S_IMODE(state.st_mode))
    for name, value in node.xattrs().items():
        os.setxattr(path, name, value)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns), follow_symlinks=False)
