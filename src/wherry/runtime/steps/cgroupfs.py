"""What the container sees of its cgroup at /sys/fs/cgroup (cgroup_namespaces(7))."""

from __future__ import annotations

import os

from wherry.kernel import mount
from wherry.kernel.fd import AT_FDCWD
from wherry.kernel.mount import MOUNT_ATTR_RDONLY
from wherry.runtime.steps.directory import ensure_directory
from wherry.runtime.steps.filesystem import mount_here

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.runtime.start import Child

_TMPFS = ["mode=755", "size=64k"]


def version_1(
    child: Child, target: str, attributes: int, rows: list[tuple[list[str], int | None]]
) -> None:
    """One directory per hierarchy on a tmpfs: mounted anew in our cgroup namespace, or bound.

    `rows`: (the hierarchy's words, index of a bind source or None). Controllers that share a
    hierarchy get links to it, as on the host.
    """
    _enter_fresh_tmpfs(target, attributes & ~MOUNT_ATTR_RDONLY)
    for words, index in rows:
        name = ",".join(words).removeprefix("name=")
        os.mkdir(name, 0o755)
        if index is None:
            mount_here("cgroup", "cgroup", words, attributes, name)
        else:
            _bind(child, index, attributes, name)
        for word in words if len(words) > 1 else ():
            os.symlink(name, word)
    if attributes & MOUNT_ATTR_RDONLY:
        mount.mount_setattr(AT_FDCWD, ".", 0, MOUNT_ATTR_RDONLY)
    os.chdir("/")


def version_2(child: Child, target: str, attributes: int, index: int | None) -> None:
    """The unified hierarchy, rooted in the container's own cgroup."""
    where = ensure_directory(target)
    os.fchdir(where)
    os.close(where)
    if index is None:
        mount_here("cgroup2", "cgroup", [], attributes)
    else:
        _bind(child, index, attributes, ".")
    os.chdir("/")


def _enter_fresh_tmpfs(target: str, attributes: int) -> None:
    """Mount a tmpfs at `target` and make it the current directory."""
    where = ensure_directory(target)
    fd = mount.new_mount("tmpfs", "cgroup", _TMPFS, attributes)
    mount.attach(fd, where, target)
    os.fchdir(fd)
    os.close(fd)
    os.close(where)


def _bind(child: Child, index: int, attributes: int, name: str) -> None:
    source = child.sources[index]
    if attributes:
        mount.mount_setattr(source, "", 0, attributes)
    mount.move_mount(source, "", AT_FDCWD, name, mount.MOVE_MOUNT_F_EMPTY_PATH)
