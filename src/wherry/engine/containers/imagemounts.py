"""Mounts of type image: another image's files below a directory of the container.

Each has a snapshot of its own over the image's layers, so that what the container writes there is
thrown away with it, and the image stays in use as long.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from wherry.errors import Invalid, NotFound

if TYPE_CHECKING:
    from wherry.engine.containers.config import HostConfig
    from wherry.engine.containers.record import Container, MountPoint
    from wherry.image.record import Image
    from wherry.kernel.mount import Mount
    from wherry.storage.snapshot import Snapshotter

KIND = "image"
Find = Callable[[str, str], Awaitable["Image"]]


async def find(host: HostConfig, find_image: Find) -> dict[str, Image]:
    """The images that are to be mounted, by what the user named. Raises Invalid, Unsupported."""
    found = {}
    for mount in host.mounts or ():
        if mount.type != KIND or not mount.source:
            continue
        try:
            found[mount.source] = await find_image(mount.source, "")
        except NotFound as error:
            # Not a 404: clients would take that for the container's own image and pull it.
            raise Invalid(
                f'invalid mount config for type "image": {error.message}', hint="pull it first"
            ) from None
    return found


def resolved(
    points: Sequence[MountPoint], id: str, images: Mapping[str, Image]
) -> tuple[MountPoint, ...]:
    """The points, with the image and the snapshot of each that shows one."""
    return tuple(
        replace(point, name=images[point.source].id, snapshot=f"{id}.{number}")
        if point.kind == KIND
        else point
        for number, point in enumerate(points)
    )


def owner_of(key: str) -> str:
    """The id of the container that a snapshot's key belongs to."""
    return key.partition(".")[0]


def prepare(record: Container, images: Mapping[str, Image], snapshotter: Snapshotter) -> None:
    """Make the snapshots. Raises what `Snapshotter.prepare` does; `remove` undoes a part, too."""
    for point in record.mounts:
        if point.snapshot:
            snapshotter.prepare(point.snapshot, images[point.source].layers)


def remove(record: Container, snapshotter: Snapshotter) -> None:
    """Delete the snapshots. Idempotent."""
    for point in record.mounts:
        if point.snapshot:
            snapshotter.remove(point.snapshot)


def mounts(record: Container, snapshotter: Snapshotter) -> dict[str, Mount]:
    """What each of them is mounted from, by target. Raises NotFound."""
    return {
        point.destination: snapshotter.mounts(point.snapshot)[0]
        for point in record.mounts
        if point.snapshot
    }
