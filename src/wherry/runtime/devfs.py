"""A /dev made outside of a container in a user namespace, which may make no device nodes itself.

The nodes work inside because the file system belongs to the host's user namespace; they and the
directory belong to the container's root.
"""

from __future__ import annotations

import os

from wherry.kernel.devices import mknod
from wherry.kernel.mount import MOUNT_ATTR_NOEXEC, MOUNT_ATTR_NOSUID, new_mount
from wherry.kernel.namespace import outside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.kernel.devices import Node

    Maps = tuple[bytes, bytes]


def make(options: list[str], nodes: list[Node], maps: Maps) -> int:
    """A detached tmpfs with the `nodes` that lie below /dev, owned by the mapped root."""
    fd = new_mount("tmpfs", "tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC)
    mask = os.umask(0)
    try:
        owner = (outside(maps[0], 0), outside(maps[1], 0))
        os.chown(".", *owner, dir_fd=fd)
        for node in nodes:
            if node[0].startswith("/dev/"):
                _make(fd, node, maps, owner)
    except BaseException:
        os.close(fd)
        raise
    finally:
        os.umask(mask)
    return fd


def _make(fd: int, node: Node, maps: Maps, owner: tuple[int, int]) -> None:
    name = node[0].removeprefix("/dev/")
    parents = name.split("/")[:-1]
    for count in range(1, len(parents) + 1):
        directory = "/".join(parents[:count])
        try:
            os.mkdir(directory, 0o755, dir_fd=fd)
            os.chown(directory, *owner, dir_fd=fd)
        except FileExistsError:
            pass
    mapped = (*node[:5], outside(maps[0], node[5]), outside(maps[1], node[6]))
    mknod(name, mapped, fd)
