"""What a bind's propagation needs of the mount that its source is on (mount_namespaces(7)).

Mounts pass between two places only where the one that is there already takes part in it; a bind
that asks for it from a private mount would look right and never pass anything on.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

from wherry.engine.containers.record import MountPoint
from wherry.errors import Invalid

_SHARED: Final = ("shared", "rshared")
_SLAVE: Final = ("slave", "rslave")
_MOUNTINFO: Final = "/proc/self/mountinfo"


def check(points: Sequence[MountPoint], mountinfo: str = _MOUNTINFO) -> None:
    """Raises Invalid, in Docker's words, where a source's mount does not pass mounts on."""
    wanted = [point for point in points if point.propagation in (*_SHARED, *_SLAVE)]
    if not wanted:
        return
    with open(mountinfo, encoding="utf-8", errors="surrogateescape") as file:
        mounts = [_mount(line) for line in file]
    for point in wanted:
        _check(point, mounts)


def _mount(line: str) -> tuple[str, list[str]]:
    """A mount's place and its optional fields ("shared:3", "master:5") from a line (proc(5))."""
    words = line.split()
    return _plain(words[4]), words[6 : words.index("-")]


def _plain(text: str) -> str:
    """Without the octal escapes of blanks and backslashes."""
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text


def _check(point: MountPoint, mounts: Sequence[tuple[str, list[str]]]) -> None:
    path = os.path.realpath(point.source)
    above = [mount for mount in mounts if _is_below(path, mount[0])]
    # The last of those at one place is on top.
    place, fields = max(reversed(above), key=lambda mount: len(mount[0]))
    is_shared = any(field.startswith("shared:") for field in fields)
    is_slave = any(field.startswith("master:") for field in fields)
    if is_shared or (is_slave and point.propagation in _SLAVE):
        return
    kinds = "shared" if point.propagation in _SHARED else "shared or slave"
    raise Invalid(
        f"path {point.source} is mounted on {place} but it is not a {kinds} mount",
        hint=f"mount --make-shared {place}",
    )


def _is_below(path: str, place: str) -> bool:
    return place == "/" or path == place or path.startswith(f"{place}/")
