"""Device nodes of a container's /dev (OCI runtime spec, config-linux.md, default devices)."""

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    # path below the root, "c" | "b" | "p" | "u", major, minor, permission bits, uid, gid
    Node = tuple[str, str, int, int, int, int, int]

STANDARD: tuple[Node, ...] = (
    ("/dev/null", "c", 1, 3, 0o666, 0, 0),
    ("/dev/zero", "c", 1, 5, 0o666, 0, 0),
    ("/dev/full", "c", 1, 7, 0o666, 0, 0),
    ("/dev/random", "c", 1, 8, 0o666, 0, 0),
    ("/dev/urandom", "c", 1, 9, 0o666, 0, 0),
    ("/dev/tty", "c", 5, 0, 0o666, 0, 0),
)
LINKS = (
    ("/dev/fd", "/proc/self/fd"),
    ("/dev/stdin", "/proc/self/fd/0"),
    ("/dev/stdout", "/proc/self/fd/1"),
    ("/dev/stderr", "/proc/self/fd/2"),
    ("/dev/core", "/proc/kcore"),
    ("/dev/ptmx", "pts/ptmx"),
)
_TYPES = {"c": stat.S_IFCHR, "u": stat.S_IFCHR, "b": stat.S_IFBLK, "p": stat.S_IFIFO}


def mknod(name: str, node: Node, dirfd: int | None = None) -> None:
    """Make `node` as `name` below `dirfd`, with exactly its mode (the umask must be 0) and owner.

    Raises FileExistsError, and PermissionError in a user namespace.
    """
    _, kind, major, minor, mode, uid, gid = node
    os.mknod(name, _TYPES[kind] | mode, os.makedev(major, minor), dir_fd=dirfd)
    if uid or gid:
        os.chown(name, uid, gid, dir_fd=dirfd, follow_symlinks=False)


def is_node(facts: os.stat_result, node: Node) -> bool:
    """Whether what was found (stat) is the very device that `node` describes."""
    same_kind = stat.S_IFMT(facts.st_mode) == _TYPES[node[1]]
    return same_kind and facts.st_rdev == os.makedev(node[2], node[3])
