"""Who owns the sources of a container's mounts, and who its user is: the id maps of one start."""

from __future__ import annotations

import asyncio
import os
import stat
from typing import TYPE_CHECKING

from wherry.engine.containers import ownership
from wherry.engine.containers.ownership import Ids, Mapping
from wherry.errors import Invalid
from wherry.kernel.path import open_in
from wherry.storage.mergedpath import find

if TYPE_CHECKING:
    from wherry.engine.containers.record import Container, MountPoint
    from wherry.storage.merged import MergedTree
    from wherry.storage.snapshot import Snapshotter

_LARGEST_FILE = 16 * 1024 * 1024


async def of(record: Container, snapshotter: Snapshotter) -> dict[str, Mapping]:
    """The maps of the mounts that want any, by target. Raises Invalid, OSError."""
    points = [point for point in record.mounts if point.idmap not in ("", *ownership.UNMAPPED)]
    return await asyncio.to_thread(_of, record, points, snapshotter) if points else {}


def _of(
    record: Container, points: list[MountPoint], snapshotter: Snapshotter
) -> dict[str, Mapping]:
    with snapshotter.tree(record.id) as view:
        users = {
            point.destination: user_ids(
                view, ownership.matched_user(point.idmap) or record.config.user
            )
            for point in points
        }
    alone = bool(record.user_map)
    found = {
        point.destination: ownership.mapping(
            point.idmap, _owner(point), users[point.destination], alone=alone
        )
        for point in points
    }
    return {target: maps for target, maps in found.items() if maps is not None}


def _owner(point: MountPoint) -> Ids:
    """The owner of what is mounted; a link in `subpath` does not lead out of the source."""
    place = os.open(point.source, os.O_PATH | os.O_CLOEXEC)
    try:
        if point.subpath:
            root, place = place, open_in(place, point.subpath, os.O_PATH)
            os.close(root)
        state = os.fstat(place)
    except OSError as error:
        text = f"cannot tell the owner of {point.source}: {os.strerror(error.errno or 0).lower()}"
        raise Invalid(text) from error
    finally:
        os.close(place)
    return Ids(state.st_uid, state.st_gid)


def user_ids(view: MergedTree, user: str) -> Ids:
    """The ids of `name[:group]`, names looked up in the container's files. Raises Invalid."""
    name, _, group = user.partition(":")
    row = _find(view, "/etc/passwd", name or "0", 4)
    gid = int(row[3]) if row else 0
    uid = int(row[2]) if row else _number(name or "0", "user", "passwd")
    if group:
        found = _find(view, "/etc/group", group, 3)
        gid = int(found[2]) if found else _number(group, "group", "group")
    return Ids(uid, gid)


def _number(text: str, what: str, file: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise Invalid(f"unable to find {what} {text}: no matching entries in {file} file")
    return int(text)


def _find(view: MergedTree, path: str, name: str, width: int) -> list[str] | None:
    """The row of a file such as /etc/passwd that has this name or number."""
    found = find(view, path)
    if found is None or not stat.S_ISREG(found.node.state.st_mode):
        return None
    with open(found.node.open(), encoding="utf-8", errors="surrogateescape") as file:
        rows = [line.strip().split(":") for line in file.read(_LARGEST_FILE).split("\n")]
    numbered = (row for row in rows if len(row) >= width and all(w.isdigit() for w in row[2:width]))
    return next((row for row in numbered if name in (row[0], row[2])), None)
