"""Everything below a data-root, opened in the right order."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wherry.errors import Invalid
from wherry.storage.content import ContentStore
from wherry.storage.database import Database
from wherry.storage.gc import Collector
from wherry.storage.layer import LayerStore
from wherry.storage.overlay import OverlaySnapshotter
from wherry.storage.plaincopy import PlainCopySnapshotter
from wherry.storage.snapshotrecords import SnapshotRecords

if TYPE_CHECKING:
    from wherry.storage.snapshot import Snapshotter

DRIVERS = {driver.name: driver for driver in (OverlaySnapshotter, PlainCopySnapshotter)}


@dataclass(frozen=True, slots=True)
class Stores:
    """The stores of one data-root; one process at a time has them open."""

    database: Database
    collector: Collector
    content: ContentStore
    layers: LayerStore
    snapshotter: Snapshotter

    def close(self) -> None:
        """Close the database."""
        self.database.close()


def open_stores(data_root: str, *, driver: str = OverlaySnapshotter.name) -> Stores:
    """Open (and create) the stores, and delete what a crash of their last user left loose.

    Takes as long as there is left-over work, whatever the number of images. Raises Invalid for an
    unknown driver, Internal or Unsupported for a database that cannot be read.
    """
    if driver not in DRIVERS:
        raise Invalid(f"unknown storage driver {driver!r}", hint=f"one of {', '.join(DRIVERS)}")
    os.makedirs(data_root, mode=0o710, exist_ok=True)
    database = Database(os.path.join(data_root, "wherry.db"))
    collector = Collector(database)
    content = ContentStore(os.path.join(data_root, "blobs"), database, collector)
    layers = LayerStore(os.path.join(data_root, "layers"), database, collector, content)
    records = SnapshotRecords(database, layers, collector)
    snapshotter = DRIVERS[driver](os.path.join(data_root, "snapshots"), records)
    for store in (content, layers, snapshotter):
        store.clear_unfinished()
    collector.sweep()
    return Stores(database, collector, content, layers, snapshotter)
