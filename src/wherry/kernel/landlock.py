"""Landlock: a thread gives up access to files, TCP ports and other domains for good (landlock(7)).

Access is denied unless a rule allows it, but only the kinds of access that a ruleset handles; what
is already open stays so. Whoever handles any access to files can change no mounts any more, with
whatever rights: mount(2), umount(2), move_mount(2), pivot_root(2) give EPERM. A domain is inherited
by fork and kept by execve, and its members can trace none but each other.

Numbers: <linux/landlock.h>. An older kernel knows fewer kinds of access: `handled_files`.
"""

from __future__ import annotations

import struct

from wherry.kernel import libc

EXECUTE = 1 << 0
WRITE_FILE = 1 << 1
READ_FILE = 1 << 2
READ_DIR = 1 << 3
REMOVE_DIR = 1 << 4
REMOVE_FILE = 1 << 5
MAKE_CHAR = 1 << 6
MAKE_DIR = 1 << 7
MAKE_REG = 1 << 8
MAKE_SOCK = 1 << 9
MAKE_FIFO = 1 << 10
MAKE_BLOCK = 1 << 11
MAKE_SYM = 1 << 12
REFER = 1 << 13  # link and rename between directories
TRUNCATE = 1 << 14
IOCTL_DEV = 1 << 15

OF_A_FILE = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
"""All that a rule may allow at what is no directory; others are refused with EINVAL."""

BIND_TCP = 1 << 0
CONNECT_TCP = 1 << 1

SCOPE_ABSTRACT_UNIX_SOCKET = 1 << 0
SCOPE_SIGNAL = 1 << 1

ABI_REFER, ABI_TRUNCATE, ABI_TCP, ABI_IOCTL, ABI_SCOPES = 2, 3, 4, 5, 6
"""Since which version of the interface there is what."""

_SINCE = ((ABI_REFER, REFER), (ABI_TRUNCATE, TRUNCATE), (ABI_IOCTL, IOCTL_DEV))
_ALWAYS = (1 << 13) - 1

_CREATE_RULESET_VERSION = 1 << 0
_RULE_PATH_BENEATH = 1
_RULE_NET_PORT = 2

_RULESET = struct.Struct("=3Q")  # handled_access_fs, handled_access_net, scoped
_PATH_BENEATH = struct.Struct("=Qi")  # allowed_access, parent_fd; packed
_NET_PORT = struct.Struct("=2Q")  # allowed_access, port


def abi() -> int:
    """The version of the kernel's interface, 0 where there is none or it was not switched on."""
    return max(0, libc.syscall("landlock_create_ruleset", None, 0, _CREATE_RULESET_VERSION))


def handled_files(version: int) -> int:
    """All kinds of access to files that a kernel of that version can deny."""
    handled = _ALWAYS
    for since, access in _SINCE:
        if version >= since:
            handled |= access
    return handled


def create_ruleset(files: int, ports: int = 0, scoped: int = 0) -> int:
    """A new ruleset that denies these kinds of access; its descriptor closes on exec.

    Raises OSError: ENOSYS or EOPNOTSUPP without Landlock, EINVAL or E2BIG for a kind that the
    kernel does not know, ENOMSG where it would deny nothing.
    """
    attributes = _RULESET.pack(files, ports, scoped)
    return libc.call("landlock_create_ruleset", attributes, len(attributes), 0)


def allow_path(ruleset: int, fd: int, access: int, path: str = "") -> None:
    """Allow `access` to the file at `fd`, and below it where it is a directory.

    The rule holds for the inode, under whatever name it is reached. Raises OSError.
    """
    rule = _PATH_BENEATH.pack(access, fd)
    libc.call("landlock_add_rule", ruleset, _RULE_PATH_BENEATH, rule, 0, path=path or None)


def allow_port(ruleset: int, port: int, access: int) -> None:
    """Allow BIND_TCP or CONNECT_TCP at a port. Raises OSError."""
    rule = _NET_PORT.pack(access, port)
    libc.call("landlock_add_rule", ruleset, _RULE_NET_PORT, rule, 0)


def restrict_self(ruleset: int) -> None:
    """Put the calling thread under the ruleset for good.

    Raises OSError: EPERM without no_new_privs or CAP_SYS_ADMIN, E2BIG at the 17th layer.
    """
    libc.call("landlock_restrict_self", ruleset, 0)
