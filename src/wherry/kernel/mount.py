"""Mounts: the classic mount(2) and the descriptor interface of Linux 5.2 (fsopen and friends).

A mount made by `fsmount` or `open_tree(OPEN_TREE_CLONE)` is detached: it belongs to no namespace
until `move_mount` puts it somewhere, and vanishes with its descriptor if nothing does.
"""

from __future__ import annotations

import ctypes
import os
import struct

from wherry.kernel import libc
from wherry.kernel.fd import AT_EMPTY_PATH, AT_FDCWD, AT_RECURSIVE

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_REMOUNT = 0x20
MS_BIND = 0x1000
MS_MOVE = 0x2000
MS_REC = 0x4000
MS_UNBINDABLE = 1 << 17
MS_PRIVATE = 1 << 18
MS_SLAVE = 1 << 19
MS_SHARED = 1 << 20

MS_NOSYMFOLLOW = 0x100
MS_NOATIME = 0x400
MS_NODIRATIME = 0x800
MS_STRICTATIME = 1 << 24

MNT_DETACH = 2
UMOUNT_NOFOLLOW = 8

OPEN_TREE_CLONE = 1
OPEN_TREE_CLOEXEC = os.O_CLOEXEC

MOVE_MOUNT_F_EMPTY_PATH = 0x04
MOVE_MOUNT_T_EMPTY_PATH = 0x40

MOUNT_ATTR_RDONLY = 0x00000001
MOUNT_ATTR_NOSUID = 0x00000002
MOUNT_ATTR_NODEV = 0x00000004
MOUNT_ATTR_NOEXEC = 0x00000008
MOUNT_ATTR__ATIME = 0x00000070
MOUNT_ATTR_RELATIME = 0x00000000
MOUNT_ATTR_NOATIME = 0x00000010
MOUNT_ATTR_STRICTATIME = 0x00000020
MOUNT_ATTR_NODIRATIME = 0x00000080
MOUNT_ATTR_IDMAP = 0x00100000
MOUNT_ATTR_NOSYMFOLLOW = 0x00200000

_FSCONFIG_SET_FLAG = 0
_FSCONFIG_SET_STRING = 1
_FSCONFIG_SET_FD = 5
_FSCONFIG_CMD_CREATE = 6
_FSOPEN_CLOEXEC = 1
_FSMOUNT_CLOEXEC = 1
_FLAGS = (
    (MOUNT_ATTR_NOATIME, MS_NOATIME),
    (MOUNT_ATTR_STRICTATIME, MS_STRICTATIME),
    (MOUNT_ATTR_NODIRATIME, MS_NODIRATIME),
    (MOUNT_ATTR_NOSYMFOLLOW, MS_NOSYMFOLLOW),
)
_MOUNT_ATTR = struct.Struct("=4Q")
_LOG_LINE = 1024


class Mount:
    """What is to be mounted where: the word that storage and runtime share.

    `type` is a file system's name, or "bind"; `source` a path, a name, or ("fd", n): the n-th
    descriptor that travels with a plan; `target` an absolute path inside the root; `options` the
    words of mount(8), for overlay with one `lowerdir+=PATH` per layer, topmost first (a classic
    `lowerdir=A:B` is understood too).
    """

    __slots__ = ("options", "source", "target", "type")

    def __init__(
        self,
        type: str,
        source: str | tuple[str, int],
        target: str = "/",
        options: list[str] | None = None,
    ) -> None:
        self.type = type
        self.source = source
        self.target = target
        self.options = options or []

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mount) and self.as_tuple() == other.as_tuple()

    def __hash__(self) -> int:
        return hash((self.type, self.source, self.target, *self.options))

    def __repr__(self) -> str:
        return f"Mount({self.type!r}, {self.source!r}, {self.target!r}, {self.options!r})"

    def as_tuple(self) -> tuple[str, str | tuple[str, int], str, list[str]]:
        """The same as plain data, for a plan."""
        return (self.type, self.source, self.target, self.options)


def mount(source: str, target: str, type: str = "", flags: int = 0, data: str = "") -> None:
    """mount(2). `data` is limited to one page (4095 bytes)."""
    encoded = libc.encode(target)
    libc.call(
        "mount",
        libc.encode(source),
        encoded,
        libc.encode(type),
        flags,
        libc.encode(data) if data else None,
        path=target,
    )


def flags_of(attributes: int) -> int:
    """The MS_* flags of mount(2) that mean the same as MOUNT_ATTR_* `attributes`."""
    flags = attributes & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)  # the same numbers
    for attribute, flag in _FLAGS:
        if attributes & attribute:
            flags |= flag
    return flags


def joined(options: list[str]) -> str:
    """mount(2)'s text of options; a value with commas, as SELinux's contexts have, is quoted."""
    return ",".join(_quoted(option) if "," in option else option for option in options)


def _quoted(option: str) -> str:
    key, _, value = option.partition("=")
    return f'{key}="{value}"' if key == "context" else option


def umount(target: str, flags: int = 0) -> None:
    """umount2(2) with MNT_DETACH, UMOUNT_NOFOLLOW."""
    libc.call("umount2", libc.encode(target), flags, path=target)


def pivot_root(new_root: str, put_old: str) -> None:
    """Swap the root mount of this mount namespace (pivot_root(2))."""
    libc.call("pivot_root", libc.encode(new_root), libc.encode(put_old), path=new_root)


def open_tree(dirfd: int, path: str, flags: int = 0) -> int:
    """A close-on-exec O_PATH descriptor of a mount; with OPEN_TREE_CLONE of a detached copy of it.

    `flags` may add AT_RECURSIVE (mounts below it too), AT_EMPTY_PATH and AT_SYMLINK_NOFOLLOW.
    """
    return libc.call("open_tree", dirfd, libc.encode(path), flags | OPEN_TREE_CLOEXEC, path=path)


def clone_tree(path: str, *, dirfd: int = AT_FDCWD, recursive: bool = False) -> int:
    """A detached copy of the mount at `path` (of `dirfd` itself where the path is empty)."""
    flags = OPEN_TREE_CLONE | (AT_RECURSIVE if recursive else 0)
    return open_tree(dirfd, path, flags | (0 if path else AT_EMPTY_PATH))


def move_mount(
    from_fd: int, from_path: str, to_fd: int, to_path: str, flags: int = 0, *, name: str = ""
) -> None:
    """Put a mount somewhere (move_mount(2)); `name` is the target's name for errors."""
    libc.call(
        "move_mount",
        from_fd,
        libc.encode(from_path),
        to_fd,
        libc.encode(to_path),
        flags,
        path=name or to_path,
    )


def attach(mount_fd: int, target_fd: int, name: str = "") -> None:
    """Put a detached mount on the file or directory behind `target_fd`."""
    flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH
    move_mount(mount_fd, "", target_fd, "", flags, name=name)


def fsopen(type: str) -> int:
    """A context in which a file system of `type` is configured. ENODEV: the kernel has none."""
    return libc.call("fsopen", libc.encode(type), _FSOPEN_CLOEXEC, path=type)


def fsconfig_set_string(context: int, key: str, value: str) -> None:
    """Set one option; the kernel takes at most 255 bytes of value here."""
    _fsconfig(context, _FSCONFIG_SET_STRING, key, libc.encode(value))


def fsconfig_set_flag(context: int, key: str) -> None:
    """Set an option that has no value."""
    _fsconfig(context, _FSCONFIG_SET_FLAG, key, None)


def fsconfig_set_fd(context: int, key: str, fd: int) -> None:
    """Set an option whose value is an open file (overlay's layers: Linux 6.13)."""
    _fsconfig(context, _FSCONFIG_SET_FD, key, None, fd)


def fsconfig_create(context: int) -> None:
    """Make the superblock from the options set so far."""
    _fsconfig(context, _FSCONFIG_CMD_CREATE, "", None)


def fsmount(context: int, attributes: int = 0) -> int:
    """The detached mount (O_PATH, close-on-exec) of a created file system."""
    return libc.call("fsmount", context, _FSMOUNT_CLOEXEC, attributes)


def new_mount(type: str, source: str, options: list[str], attributes: int = 0) -> int:
    """fsopen, configure, create, fsmount in one: a detached mount of a new file system.

    `options` are `key=value` and `key` words of that file system; `attributes` MOUNT_ATTR_*.
    Raises OSError with the kernel's own explanation where it gave one.
    """
    context = fsopen(type)
    try:
        if source:
            fsconfig_set_string(context, "source", source)
        for option in options:
            set_option(context, option)
        fsconfig_create(context)
        return fsmount(context, attributes)
    finally:
        os.close(context)


def set_option(context: int, option: str) -> None:
    """Set one mount(8) word, with a value or without."""
    key, separator, value = option.partition("=")
    if separator:
        fsconfig_set_string(context, key, value)
    else:
        fsconfig_set_flag(context, key)


def mount_setattr(
    fd: int,
    path: str,
    flags: int,
    attr_set: int = 0,
    attr_clr: int = 0,
    propagation: int = 0,
    userns_fd: int = 0,
) -> None:
    """Change a mount, with AT_RECURSIVE in `flags` the whole tree (mount_setattr(2), Linux 5.12).

    An empty `path` means `fd` itself. `userns_fd` counts only with MOUNT_ATTR_IDMAP.
    """
    attributes = _MOUNT_ATTR.pack(attr_set, attr_clr, propagation, userns_fd)
    flags |= 0 if path else AT_EMPTY_PATH
    libc.call("mount_setattr", fd, libc.encode(path), flags, attributes, len(attributes), path=path)


def _fsconfig(context: int, command: int, key: str, value: bytes | None, aux: int = 0) -> None:
    name = libc.encode(key) if key else None
    if libc.syscall("fsconfig", context, command, name, value, aux) < 0:
        errno = ctypes.get_errno()
        reason = _reason(context) or f"{key or 'create'}: {os.strerror(errno)}"
        raise OSError(errno, f"fsconfig: {reason}")


def _reason(context: int) -> str:
    """The first error line of the context's own message log ("e overlay: ...")."""
    try:
        while line := os.read(context, _LOG_LINE):
            if line.startswith(b"e "):
                return os.fsdecode(line[2:]).strip()
    except OSError:  # ENODATA: nothing logged
        pass
    return ""
