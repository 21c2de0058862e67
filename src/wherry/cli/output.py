"""Writing to the standard descriptors, whole and unbuffered."""

from __future__ import annotations

import os

STDOUT = 1
STDERR = 2


def write(fd: int, data: bytes | memoryview) -> None:
    """Write all of `data`; OSError as from write(2)."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def write_text(fd: int, text: str) -> None:
    """Write text as UTF-8, whatever the locale."""
    write(fd, text.encode("utf-8", "surrogateescape"))


def is_terminal(fd: int) -> bool:
    """Whether the descriptor is open on a terminal."""
    try:
        return os.isatty(fd)
    except OSError:
        return False
