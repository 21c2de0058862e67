"""Finding a path in a merged view as a process inside it would: symbolic links lead on, within it.

Nothing is mounted and nothing outside the view is touched, so that a link of the image to /etc
means the image's /etc (path_resolution(7), with the view's top as the root directory).
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from wherry.storage.merged import MergedDirectory, MergedTree, Node

_MOST_LINKS: Final = 40  # as the kernel: MAXSYMLINKS


class Found:
    """What is at a path: the node, and the directory that is there if it is one."""

    __slots__ = ("directory", "node")

    def __init__(self, node: Node, directory: MergedDirectory | None) -> None:
        self.node = node
        self.directory = directory


def find(view: MergedTree, path: str) -> Found | None:
    """What the path leads to, links followed; None when nothing is there.

    Raises OSError (ELOOP) for links that lead in a circle.
    """
    names = _names(path)
    place: list[tuple[str, Found]] = []  # the way from the top, so that ".." leads back
    top = Found(view.root(), view.top)
    links = 0
    while names:
        name = names.pop(0)
        if name == "..":
            del place[-1:]
            continue
        here = place[-1][1] if place else top
        if here.directory is None:
            return None
        node = here.directory.nodes().get(name)
        if node is None:
            return None
        if stat.S_ISLNK(node.state.st_mode):
            links += 1
            if links > _MOST_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            target = node.link_target()
            if target.startswith("/"):
                place.clear()
            names = _names(target) + names
            continue
        below = here.directory.child(name) if node.is_directory else None
        place.append((name, Found(node, below)))
    return place[-1][1] if place else top


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name not in ("", ".")]
