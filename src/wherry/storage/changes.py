"""What a writable layer changed, as `docker diff` lists it."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from wherry.storage.merged import MergedDirectory, Node, is_whiteout
from wherry.storage.snapshot import ADDED, DELETED, MODIFIED, Change

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator


def of_upper(upper: MergedDirectory, below: MergedDirectory) -> Iterator[Change]:
    """Changes in an overlayfs upper directory (a tree of one layer) against the layers below.

    A directory that was only copied up, because something in it changed, counts as modified, as
    with Docker.
    """
    known = below.nodes()
    for name, state in upper.entries():
        path = f"{upper.path}/{name}" if upper.path else name
        old = known.get(name)
        if is_whiteout(state):
            if old is not None:
                yield Change(f"/{path}", DELETED)
            continue
        yield Change(f"/{path}", ADDED if old is None else MODIFIED)
        if stat.S_ISDIR(state.st_mode):
            yield from _of_directory(upper.child(name), below.child(name))


def _of_directory(upper: MergedDirectory, below: MergedDirectory) -> Iterator[Change]:
    yield from of_upper(upper, below)
    if below and upper.hides_lower():
        present = {name for name, _ in upper.entries()}
        for name, node in below.nodes().items():
            if name not in present:
                yield Change(f"/{node.path}", DELETED)


def of_copy(copy: MergedDirectory, below: MergedDirectory) -> list[Change]:
    """Changes in a full copy against the layers it was copied from, comparing every path."""
    found: list[Change] = []
    mine, known = copy.nodes(), below.nodes()
    for name, node in mine.items():
        inner = of_copy(copy.child(name), below.child(name)) if node.is_directory else []
        old = known.get(name)
        if old is None:
            found.append(Change(f"/{node.path}", ADDED))
        elif inner or differs(node, old):
            found.append(Change(f"/{node.path}", MODIFIED))
        found += inner
    found += [Change(f"/{known[name].path}", DELETED) for name in known.keys() - mine.keys()]
    return found


def differs(new: Node, old: Node) -> bool:
    """Whether two states of a path are visibly different (content by length and mtime)."""
    if _face(new.state) != _face(old.state):
        return True
    if new.is_directory:
        return False
    if stat.S_ISLNK(new.state.st_mode):
        return new.link_target() != old.link_target()
    return (new.state.st_size, new.state.st_mtime_ns) != (old.state.st_size, old.state.st_mtime_ns)


def _face(state: os.stat_result) -> tuple[int, int, int, int]:
    return (state.st_mode, state.st_uid, state.st_gid, state.st_rdev)
