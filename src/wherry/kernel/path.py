"""Path look-up that cannot leave where it should stay: openat2(2)."""

from __future__ import annotations

import os
import struct

from wherry.kernel import libc

RESOLVE_NO_XDEV = 0x01
RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_BENEATH = 0x08
RESOLVE_IN_ROOT = 0x10

_OPEN_HOW = struct.Struct("=3Q")
_RETRIES = 32
_EAGAIN = 11


def openat2(dirfd: int, path: str, flags: int, mode: int = 0, resolve: int = 0) -> int:
    """Open `path` below `dirfd` under the RESOLVE_* rules; close-on-exec is always added.

    EAGAIN, which a concurrent rename causes under RESOLVE_IN_ROOT and RESOLVE_BENEATH, is retried.
    """
    how = pack_how(flags, resolve, mode)
    name = libc.encode(path)
    for _ in range(_RETRIES):
        try:
            return libc.call("openat2", dirfd, name, how, len(how), path=path)
        except OSError as error:
            if error.errno != _EAGAIN:
                raise
    return libc.call("openat2", dirfd, name, how, len(how), path=path)


def pack_how(flags: int, resolve: int, mode: int = 0) -> bytes:
    """struct open_how, close-on-exec."""
    return _OPEN_HOW.pack(flags | os.O_CLOEXEC, mode, resolve)


def open_in(root: int, path: str, flags: int, mode: int = 0) -> int:
    """Open `path` as if the directory `root` were "/": nothing leaves it, magic links fail."""
    return openat2(root, path, flags, mode, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
