"""Paths that the container may only read, or not see at all.

Targets and the null device are held by descriptors that were looked at, so that nothing can be
put in their place meanwhile (CVE-2025-31133, CVE-2025-52881).
"""

from __future__ import annotations

import os
import stat

from wherry.kernel import mount
from wherry.kernel.devices import STANDARD, is_node
from wherry.kernel.fd import AT_RECURSIVE
from wherry.kernel.mount import (
    MOUNT_ATTR_NODEV,
    MOUNT_ATTR_NOEXEC,
    MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_RDONLY,
)
from wherry.runtime.failure import Failure
from wherry.runtime.steps.directory import open_path, open_present

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.runtime.start import Child

_EMPTY = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC
_NULL = STANDARD[0]


def read_only(_: Child, paths: list[str]) -> None:
    """Bind each path over itself, read-only with all below it; missing ones are passed over."""
    for path in paths:
        target = open_present(path)
        if target < 0:
            continue
        fd = mount.clone_tree("", dirfd=target, recursive=True)
        mount.mount_setattr(fd, "", AT_RECURSIVE, MOUNT_ATTR_RDONLY)
        mount.attach(fd, target, path)
        os.close(fd)
        os.close(target)


def mask(_: Child, paths: list[str]) -> None:
    """Cover files with the null device and directories with an empty one; missing are passed over.

    All directories share one empty file system.
    """
    null = empty = -1
    for path in paths:
        target = open_present(path)
        if target < 0:
            continue
        if not stat.S_ISDIR(os.fstat(target).st_mode):
            null = null if null >= 0 else _open_null()
            cover = mount.clone_tree("", dirfd=null)
        elif empty < 0:
            cover = empty = mount.new_mount("tmpfs", "tmpfs", ["mode=755"], _EMPTY)
        else:
            cover = mount.clone_tree("", dirfd=empty)
        mount.attach(cover, target, path)
        os.close(target)
        if cover != empty:
            os.close(cover)
    for fd in (null, empty):
        if fd >= 0:
            os.close(fd)


def read_only_root(_: Child) -> None:
    """Make the root's own mount read-only; volumes and the kernel's trees stay as they are."""
    mount.mount_setattr(-100, "/", 0, MOUNT_ATTR_RDONLY)


def _open_null() -> int:
    fd = open_path(_NULL[0], os.O_NOFOLLOW)
    if not is_node(os.fstat(fd), _NULL):
        raise Failure(22, f"{_NULL[0]} is not the null device; files cannot be masked with it")
    return fd
