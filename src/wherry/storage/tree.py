"""Directory trees that somebody else may be changing: opened, measured and removed without
following a single symbolic link.

A container writes into its upper directory while we read it, so a path may turn into a link to
/etc between two calls. Every open is relative to a root descriptor with RESOLVE_BENEATH and
RESOLVE_NO_SYMLINKS (openat2(2)), or relative to its parent's descriptor with O_NOFOLLOW.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from typing import TYPE_CHECKING

from wherry.kernel.path import RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, openat2
from wherry.storage.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Iterator

VANISHED = (
    errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EXDEV, errno.EAGAIN, errno.EINVAL
)  # fmt: skip
"""What opening tells of a path that somebody has removed or replaced since it was seen."""

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_HELD_DEPTH = 64  # directories open at once while removing; deeper ones are moved up first


def open_beneath(root: int, path: str, flags: int) -> int:
    """Open a path below the root descriptor; no link on the way or at its end is followed.

    `flags` gets O_CLOEXEC and O_NONBLOCK (a fifo must not hold us). Raises OSError: ELOOP for a
    link, ENOENT, EXDEV for what would leave the root.
    """
    how = flags | os.O_CLOEXEC | (0 if flags & os.O_PATH else os.O_NONBLOCK)
    return openat2(root, path or ".", how, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS)


@contextlib.contextmanager
def opened_directory(path: str) -> Iterator[int]:
    """A descriptor of a directory for the length of the block."""
    descriptor = os.open(path, _DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def scan(root: int, path: str) -> list[tuple[str, os.stat_result]]:
    """Names and lstat of what is in a directory below the root, sorted by name's bytes.

    Entries that vanish meanwhile are left out.
    """
    descriptor = open_beneath(root, path, os.O_RDONLY | os.O_DIRECTORY)
    found: list[tuple[str, os.stat_result]] = []
    try:
        with os.scandir(descriptor) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    found.append((entry.name, entry.stat(follow_symlinks=False)))
    finally:
        os.close(descriptor)
    found.sort(key=_by_bytes)
    return found


def _by_bytes(item: tuple[str, os.stat_result]) -> bytes:
    return os.fsencode(item[0])


def walk(root: int) -> Iterator[tuple[str, os.stat_result]]:
    """Every path below the root with its lstat, directories before their content."""
    pending = [""]
    while pending:
        directory = pending.pop()
        try:
            entries = scan(root, directory)
        except FileNotFoundError:
            continue
        for name, state in entries:
            path = f"{directory}/{name}" if directory else name
            yield path, state
            if stat.S_ISDIR(state.st_mode):
                pending.append(path)


def measure(path: str) -> Usage:
    """What `du -s` of the directory counts: allocated bytes and inodes, hard links once."""
    with opened_directory(path) as root:
        top = os.fstat(root)
        blocks, inodes = top.st_blocks, 1
        linked: set[int] = set()
        for _, state in walk(root):
            if state.st_nlink > 1 and not stat.S_ISDIR(state.st_mode):
                if state.st_ino in linked:
                    continue
                linked.add(state.st_ino)
            blocks += state.st_blocks
            inodes += 1
    return Usage(blocks * 512, inodes)


def length(path: str) -> int:
    """The sum of the lengths of all regular files, hard links once, in bytes."""
    with opened_directory(path) as root:
        sizes = {
            state.st_ino: state.st_size for _, state in walk(root) if stat.S_ISREG(state.st_mode)
        }
    return sum(sizes.values())


def remove(path: str) -> None:
    """Delete a tree of any depth. What does not exist is no error; raises OSError otherwise.

    A crash may leave `.removing-*` beside it.
    """
    parent, name = os.path.split(path)
    with contextlib.suppress(FileNotFoundError), opened_directory(parent) as top:
        remove_in(top, name)


def remove_in(parent: int, name: str) -> None:
    """Delete what is called `name` in an open directory, with all below it. Raises OSError."""
    pending = [name]
    while pending:
        try:
            _remove_entry(parent, parent, pending[-1], 0)
            pending.pop()
        except _Deeper as deeper:
            pending.append(deeper.name)


def _remove_entry(top: int, parent: int, name: str, depth: int) -> None:
    try:
        os.unlink(name, dir_fd=parent)
    except IsADirectoryError:
        _remove_directory(top, parent, name, depth)


def _remove_directory(top: int, parent: int, name: str, depth: int) -> None:
    if depth >= _HELD_DEPTH:
        # Hostile trees are deeper than descriptors and the interpreter's stack allow.
        moved = f".removing-{secrets.token_hex(8)}"
        os.rename(name, moved, src_dir_fd=parent, dst_dir_fd=top)
        raise _Deeper(moved)
    descriptor = os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
    try:
        with os.scandir(descriptor) as entries:
            # In the order of the inodes: unlinking then goes through ext4's tables once.
            children = sorted((entry.inode(), entry.name) for entry in entries)
        for _, child in children:
            _remove_entry(top, descriptor, child, depth + 1)
    finally:
        os.close(descriptor)
    os.rmdir(name, dir_fd=parent)


class _Deeper(Exception):
    """A directory was moved up to the top under `name`; it goes first, then the rest again."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name
