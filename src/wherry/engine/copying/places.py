"""Paths of a container as `cp` means them, inside the worker that has entered it. Slim.

The last part of a path is not followed when it is a link, unless "/" or "/." follows it. No path
leads out of the root, and none through the kernel's magic links.
"""

from __future__ import annotations

import errno
import os
import stat

from wherry.kernel.path import open_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MOST_LINKS = 40  # as the kernel: MAXSYMLINKS


class Place:
    """A path: `clean` is absolute and without "." and "..", `last` the name that clients know it
    by, `open` whether it must be a directory and a link there is followed."""

    __slots__ = ("clean", "last", "open")

    def __init__(self, path: str) -> None:
        self.clean = "/" + os.path.normpath("/" + path).lstrip("/")
        current = path == "." or path.endswith("/.")
        self.open = current or path.endswith("/")
        self.last = "." if current and self.clean != "/" else os.path.basename(self.clean) or "/"


def open_place(root: int, place: Place) -> int:
    """An O_PATH descriptor of what is there. Raises OSError."""
    flags = os.O_PATH | (os.O_DIRECTORY if place.open else os.O_NOFOLLOW)
    return open_in(root, place.clean, flags)


def facts(root: int, place: Place) -> dict[str, Any]:
    """What Docker's API tells of a path, as plain data; times in nanoseconds. Raises OSError."""
    descriptor = open_place(root, place)
    try:
        state = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    is_link = stat.S_ISLNK(state.st_mode)
    return {
        "name": place.last,
        "size": state.st_size,
        "mode": state.st_mode,
        "mtime": state.st_mtime_ns,
        "link": followed(root, place.clean) if is_link else "",
    }


def followed(root: int, path: str) -> str:
    """Where the links of a path lead to in the end, as far as they lead. Raises OSError (ELOOP)."""
    names = [name for name in path.split("/") if name]
    here = "/"
    links = 0
    while names:
        name = names.pop(0)
        if name in ("", "."):
            continue
        if name == "..":
            here = os.path.dirname(here)
            continue
        target = _link(root, os.path.join(here, name))
        if target is None:
            here = os.path.join(here, name)
            continue
        links += 1
        if links > _MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
        here = "/" if target.startswith("/") else here
        names = target.split("/") + names
    return here


def _link(root: int, path: str) -> str | None:
    """What the link says; None for what is no link, or not there."""
    try:
        descriptor = open_in(root, path, os.O_PATH | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        if not stat.S_ISLNK(os.fstat(descriptor).st_mode):
            return None
        return os.readlink("", dir_fd=descriptor)
    finally:
        os.close(descriptor)


def owner(root: int, user: str) -> tuple[int, int]:
    """The ids of a container's `user[:group]`, names looked up in its files. Raises LookupError."""
    name, _, group = user.partition(":")
    rows = _rows(root, "/etc/passwd", 4)
    found = next((row for row in rows if name in (row[0], row[2])), None)
    if found is None and not name.isdigit():
        raise LookupError(f"unable to find user {name}: no matching entries in passwd file")
    uid = int(found[2]) if found else int(name)
    gid = int(found[3]) if found else 0
    if not group:
        return uid, gid
    if group.isdigit():
        return uid, int(group)
    for row in _rows(root, "/etc/group", 3):
        if row[0] == group:
            return uid, int(row[2])
    raise LookupError(f"unable to find group {group}: no matching entries in group file")


def _rows(root: int, path: str, width: int) -> list[list[str]]:
    """The rows of a file such as /etc/passwd whose numbers are numbers; none where it is not."""
    try:
        descriptor = open_in(root, path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return []
    with open(descriptor, encoding="utf-8", errors="replace") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return []
        rows = [line.rstrip("\n").split(":") for line in file]
    return [
        row for row in rows if len(row) >= width and all(text.isdigit() for text in row[2:width])
    ]
