"""File trees seen through the id maps of a user namespace: idmapped mounts (mount_setattr(2)).

What lies on disk keeps its owners; the mount shows owner `inside` as the id that the namespace maps
it to, and writes it back the other way. So one tree serves any number of maps without a copy, and
what a container writes is stored in its own ids, whatever its map is.
"""

from __future__ import annotations

import os

from wherry.kernel import mount
from wherry.kernel.capability import FilesystemIds
from wherry.kernel.fd import AT_FDCWD, AT_RECURSIVE, close_all
from wherry.kernel.overlay import overlay, split_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_DETACHED_LAYERS = (6, 15)
_OWN = ("upperdir", "workdir")


def clone_mapped(path: str, userns: int, *, recursive: bool = False) -> int:
    """A detached copy of the tree at `path`, mapped by the user namespace behind `userns`."""
    fd = mount.clone_tree(path, recursive=recursive)
    try:
        map_tree(fd, userns, recursive=recursive)
    except BaseException:
        os.close(fd)
        raise
    return fd


def map_tree(fd: int, userns: int, *, recursive: bool = False) -> None:
    """Map a detached tree. EINVAL: the file system cannot, or the mount is mapped already."""
    flags = AT_RECURSIVE if recursive else 0
    mount.mount_setattr(fd, "", flags, mount.MOUNT_ATTR_IDMAP, userns_fd=userns)


def mapped_overlay(
    options: list[str], userns: int, root: tuple[int, int], stage: str, release: str = ""
) -> int:
    """`overlay` with every layer, the writable one too, mapped by the namespace behind `userns`.

    `root`: uid and gid outside of what is 0 inside. The file system is made as that user, because
    overlayfs works on the upper directory as its maker and mounts read-only for one who has no
    number there. `stage`: an empty directory of this mount namespace, needed on kernels before
    6.15 (`release`, uname(2)'s when empty), which take no detached mounts as layers. Raises OSError
    (Linux 5.19 or newer is needed).
    """
    layers, others = split_options(options)
    own = [word for word in others if word.startswith(_OWN)]
    rest = [word for word in others if word not in own]
    base = os.path.dirname(own[0].partition("=")[2]) if own else ""
    opened: list[int] = []
    try:
        for path in (*layers, *([base] if own else [])):
            opened.append(clone_mapped(path, userns))
        detached = _takes_detached(release or os.uname().release)
        with _Names(opened, "" if detached else stage) as names, FilesystemIds(*root):
            words = [f"lowerdir+={name}" for name in names[: len(layers)]]
            words += [_below(names[-1], base, word) for word in own]
            return overlay([*words, *rest], stage=f"{stage}/root" if not detached else stage)
    finally:
        close_all(opened)


def _below(name: str, base: str, word: str) -> str:
    """upperdir=BASE/upper, with the mapped mount's name in the place of BASE."""
    key, _, path = word.partition("=")
    return f"{key}={name}/{os.path.relpath(path, base)}"


def _takes_detached(release: str) -> bool:
    major, minor = release.partition("-")[0].split(".")[:2]
    return (int(major), int(minor)) >= _DETACHED_LAYERS


class _Names:
    """Paths of detached mounts: by descriptor, or for a moment on a tmpfs at `stage`."""

    __slots__ = ("_fds", "_stage")

    def __init__(self, fds: Sequence[int], stage: str) -> None:
        self._fds = fds
        self._stage = stage

    def __enter__(self) -> list[str]:
        if not self._stage:
            return [f"/proc/self/fd/{fd}" for fd in self._fds]
        mount.mount("tmpfs", self._stage, "tmpfs", 0, "mode=755")
        try:
            return self._attach()
        except BaseException:
            self.__exit__()
            raise

    def _attach(self) -> list[str]:
        os.mkdir(f"{self._stage}/root")
        names = [f"{self._stage}/{number}" for number in range(len(self._fds))]
        for fd, name in zip(self._fds, names, strict=True):
            os.mkdir(name)
            mount.move_mount(fd, "", AT_FDCWD, name, mount.MOVE_MOUNT_F_EMPTY_PATH)
        return names

    def __exit__(self, *_: object) -> None:
        if self._stage:
            mount.umount(self._stage, mount.MNT_DETACH)
