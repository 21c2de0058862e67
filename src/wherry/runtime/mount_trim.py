"""A private mount namespace with little in it: cheap to copy for every container.

All that the host mounts elsewhere stays out of the containers' way, and a disk that the host
unmounts is not kept busy by us.
"""

from __future__ import annotations

import os

from wherry.kernel import mount
from wherry.kernel.namespace import CLONE_NEWNS, unshare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

# SELinux is there when its file system is.
_ALWAYS = ("/", "/proc", "/sys", "/sys/fs/cgroup", "/sys/fs/selinux")
_CGROUPS = "/sys/fs/cgroup/"
_UNREACHABLE = (2, 20, 22, 40)  # ENOENT, ENOTDIR, EINVAL (no mount point), ELOOP
# Below a kept path these are other containers' roots and namespaces, not part of the store.
_PASSING = ("overlay", "nsfs", "tmpfs", "proc")


def trim(kept: Sequence[str]) -> None:
    """Enter a new mount namespace and unmount everything but the root, /proc, /sys, the cgroups
    and what the paths in `kept` lie on or hold. Raises OSError."""
    unshare(CLONE_NEWNS)
    mount.mount("", "/", "", mount.MS_REC | mount.MS_PRIVATE)
    real = [os.path.realpath(path) for path in kept]
    with open("/proc/self/mountinfo", "rb") as file:
        table = parse_mountinfo(file.read())
    for target, kind in reversed(table):
        if not keeps(target, kind, real):
            _drop(target)


def _drop(target: str) -> None:
    """Unmount; one that is covered by another, or whose directory was just removed, is no loss."""
    try:
        mount.umount(target, mount.MNT_DETACH | mount.UMOUNT_NOFOLLOW)
    except OSError as error:
        if error.errno not in _UNREACHABLE:
            raise


def keeps(target: str, kind: str, kept: Sequence[str]) -> bool:
    """Whether the mount of file system `kind` at `target` stays."""
    if target in _ALWAYS or target.startswith(_CGROUPS):
        return True
    if any(path == target or path.startswith(target + "/") for path in kept):
        return True
    return kind not in _PASSING and any(target.startswith(path + "/") for path in kept)


def parse_mountinfo(content: bytes) -> list[tuple[str, str]]:
    """(mount point, file system type) in the order of mounting (proc_pid_mountinfo(5))."""
    table = []
    for line in content.splitlines():
        left, _, right = line.partition(b" - ")
        table.append((_unescape(left.split(b" ")[4]), os.fsdecode(right.split(b" ")[0])))
    return table


def _unescape(field: bytes) -> str:
    """Blanks and backslashes stand as three octal digits."""
    head, *rest = field.split(b"\\")
    parts = [bytes([int(part[:3], 8)]) + part[3:] for part in rest]
    return os.fsdecode(b"".join([head, *parts]))
