"""Filling a new volume with what the image has where the volume is mounted.

As with Docker: only a volume that is empty is filled, and its top directory takes the owner, mode
and times of the image's. A path that leads over the image's symbolic links is followed within it.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from wherry.engine.volumes import mounting
from wherry.storage import treecopy
from wherry.storage.mergedpath import find

if TYPE_CHECKING:
    from wherry.engine.containers.record import Container
    from wherry.engine.volumes.service import Volumes
    from wherry.storage.snapshot import Snapshotter


async def fill(record: Container, snapshotter: Snapshotter, volumes: Volumes) -> None:
    """Fill the container's volumes that want it. Raises OSError."""
    targets = {
        point.source: point.destination
        for point in record.mounts
        if point.kind == "volume"
        and point.copy
        # What a file system behind a volume holds is its own business.
        and not mounting.wants_mount(volumes.find(point.name).options)
        and not os.listdir(point.source)
    }
    if targets:
        await asyncio.to_thread(_fill, record.id, targets, snapshotter)


def _fill(key: str, targets: dict[str, str], snapshotter: Snapshotter) -> None:
    with snapshotter.tree(key) as view:
        for directory, target in targets.items():
            found = find(view, target)
            if found is not None and found.directory is not None:
                treecopy.copy(found.directory, found.node, directory)
