"""Bind sources that are not there: made, as `-v` promises, or told.

A directory made in the place of a missing source belongs to whoever asked for the container, so
that a user need not be root to fill or remove it, and a likely mistake is warned about.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterable, Sequence
from typing import Final

from wherry.engine.containers.record import MountPoint
from wherry.errors import Invalid

# An ending with a letter first ("x.conf", not "app-1.2"); directories of snippets end in ".d".
_FILE_NAME: Final = re.compile(r"[^.].*\.(?!d$)[A-Za-z][A-Za-z0-9]{0,4}")
_MODE: Final = 0o755
_OPEN: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def warnings(points: Iterable[MountPoint]) -> list[str]:
    """One for each source that will be made as a directory while a file seems to be meant."""
    return [
        f"bind source path {point.source} does not exist: an empty directory will be made, but "
        f"{named} looks like a file; was the path misspelt? (--mount type=bind never makes one)"
        for point in points
        if point.create and not os.path.lexists(point.source)
        if (named := _file_named(point))
    ]


def _file_named(point: MountPoint) -> str:
    """Which end of the mount is named like a file; "" for neither."""
    ends = (point.source, point.destination)
    return next((end for end in ends if _FILE_NAME.fullmatch(posixpath.basename(end))), "")


def prepare(points: Sequence[MountPoint]) -> None:
    """Make the bind sources that are to be made; the others must be there.

    Raises Invalid: the source does not exist (any more) or cannot be made.
    """
    for point in points:
        if point.kind in ("tmpfs", "image") or os.path.lexists(point.source):
            continue
        if not point.create:
            raise Invalid(
                f'invalid mount config for type "{point.kind}": '
                f"bind source path does not exist: {point.source}"
            )
        _make(point.source, point.maker)


def _make(path: str, maker: str) -> None:
    """The directory and those above it. Links on the way are followed, but none that is new."""
    here = os.open("/", _OPEN)
    done = ""
    try:
        for name in path.strip("/").split("/"):
            done = f"{done}/{name}"
            below = _enter(here, name, maker)
            os.close(here)
            here = below
    except OSError as error:
        raise Invalid(
            f"error while creating mount source path '{path}': mkdir {done}: {error.strerror}"
        ) from None
    finally:
        os.close(here)


def _enter(above: int, name: str, maker: str) -> int:
    """Open a directory, made now if it is not there. OSError."""
    try:
        os.mkdir(name, _MODE, dir_fd=above)
    except FileExistsError:
        return os.open(name, _OPEN, dir_fd=above)
    made = os.open(name, _OPEN | os.O_NOFOLLOW, dir_fd=above)
    try:
        if maker:
            uid, _, gid = maker.partition(":")
            os.fchown(made, int(uid), int(gid))
    except OSError:
        os.close(made)
        raise
    return made
