"""What the container sees of its cgroup at /sys/fs/cgroup (cgroup_namespaces(7))."""

from __future__ import annotations

import os

from wherry.kernel import mount
from wherry.kernel.mount import MOUNT_ATTR_RDONLY
from wherry.runtime.steps.directory import ensure_directory

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
    fd = _on(target, mount.new_mount("tmpfs", "cgroup", _TMPFS, attributes & ~MOUNT_ATTR_RDONLY))
    for words, index in rows:
        name = ",".join(words).removeprefix("name=")
        os.mkdir(name, 0o755, dir_fd=fd)
        view = _view(child, "cgroup", words, attributes, index)
        where = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=fd)
        mount.attach(view, where, f"{target}/{name}")
        os.close(where)
        os.close(view)
        for word in words[1:] and words:
            os.symlink(name, word, dir_fd=fd)
    if attributes & MOUNT_ATTR_RDONLY:
        mount.mount_setattr(fd, "", 0, MOUNT_ATTR_RDONLY)
    os.close(fd)


def version_2(child: Child, target: str, attributes: int, index: int | None) -> None:
    """The unified hierarchy, rooted in the container's own cgroup."""
    os.close(_on(target, _view(child, "cgroup2", [], attributes, index)))


def _view(child: Child, kind: str, words: list[str], attributes: int, index: int | None) -> int:
    if index is None:
        return mount.new_mount(kind, "cgroup", words, attributes)
    if attributes:
        mount.mount_setattr(child.sources[index], "", 0, attributes)
    return child.sources[index]


def _on(target: str, fd: int) -> int:
    where = ensure_directory(target)
    try:
        mount.attach(fd, where, target)
    finally:
        os.close(where)
    return fd
