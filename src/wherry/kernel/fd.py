"""File descriptors: owners, duplicates, sealed memory, mass closing."""

from __future__ import annotations

import fcntl
import os

from wherry.kernel import libc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

AT_FDCWD = -100
AT_EMPTY_PATH = 0x1000
AT_RECURSIVE = 0x8000
AT_SYMLINK_NOFOLLOW = 0x100
CLOSE_RANGE_CLOEXEC = 1 << 2  # close_range(2), Linux 5.11
_LAST = 0xFFFFFFFF
_SEALS = 0x1 | 0x2 | 0x4 | 0x8  # F_SEAL_SEAL | SHRINK | GROW | WRITE, memfd_create(2)


class Fd:
    """The owner of one descriptor: closes it when its scope ends, unless it was handed on."""

    __slots__ = ("_fd",)

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def fileno(self) -> int:
        """The descriptor's number. Raises ValueError once it was closed or handed on."""
        if self._fd < 0:
            raise ValueError("I/O operation on closed descriptor")
        return self._fd

    def detach(self) -> int:
        """Hand the descriptor on to the caller, who closes it from now on."""
        fd, self._fd = self.fileno(), -1
        return fd

    def close(self) -> None:
        """Close the descriptor; a second call does nothing."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def close_from(first: int, *, cloexec: bool = False) -> None:
    """Close every descriptor from `first` on, or mark them all close-on-exec (close_range(2))."""
    libc.call("close_range", first, _LAST, CLOSE_RANGE_CLOEXEC if cloexec else 0)


def close_all(fds: list[int]) -> None:
    """Close a list of descriptors of which each is owned and open."""
    for fd in fds:
        os.close(fd)


def dup_to(fd: int, target: int) -> None:
    """Make `target` a duplicate of `fd` that survives exec, also where both are the same number."""
    if fd == target:
        os.set_inheritable(fd, True)
    else:
        os.dup2(fd, target, inheritable=True)


def dup_from(fd: int, lowest: int) -> int:
    """A close-on-exec duplicate of `fd` with a number of at least `lowest`."""
    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, lowest)


def memfd(name: str, content: bytes) -> int:
    """Anonymous memory that holds `content` and can never change: a sealed memfd_create(2)."""
    fd = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    view = memoryview(content)
    while view:
        view = view[os.write(fd, view) :]
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
    return fd


def read_all(fd: int, limit: int) -> bytes:
    """What `fd` holds from its start, at most `limit` bytes (os.pread, so the offset stays)."""
    chunks: list[bytes] = []
    offset = 0
    while offset < limit:
        chunk = os.pread(fd, min(limit - offset, 1 << 20), offset)
        if not chunk:
            break
        chunks.append(chunk)
        offset += len(chunk)
    return b"".join(chunks)
