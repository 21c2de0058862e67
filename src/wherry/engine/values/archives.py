"""What `cp` moves, as values."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PathFacts:
    """A path in a container. `mode` as lstat(2) gives it, `mtime` in nanoseconds since the epoch,
    `link_target` where a symbolic link leads to in the end, as an absolute path."""

    name: str
    size: int
    mode: int
    mtime: int
    link_target: str = ""


@dataclass(frozen=True, slots=True)
class Archived:
    """A path, and what is there as a tar stream."""

    facts: PathFacts
    chunks: AsyncIterator[bytes]


@dataclass(frozen=True, slots=True)
class Extraction:
    """Where to unpack and how.

    With `no_overwrite` a directory replaces nothing but a directory, and a file no directory; with
    `as_user` what is made belongs to the container's user, else to whom the archive says.
    """

    path: str
    no_overwrite: bool = False
    as_user: bool = False
