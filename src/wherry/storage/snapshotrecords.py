"""Which snapshots exist and over which layers: the records that every snapshotter keeps alike."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from wherry.errors import Conflict, Invalid, NotFound
from wherry.storage import layer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.storage.database import Database
    from wherry.storage.gc import Collector

_STEPS = ("CREATE TABLE snapshots (key TEXT PRIMARY KEY) WITHOUT ROWID",)
_USER = "snapshot"
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_LIMIT = 500  # OVL_MAX_STACK, fs/overlayfs/params.h


class SnapshotRecords:
    """Which snapshots exist, over which layers; both implementations keep them alike."""

    def __init__(self, database: Database, layers: layer.LayerStore, collector: Collector) -> None:
        self._database = database
        self._layers = layers
        self._collector = collector
        database.migrate("snapshots", _STEPS)

    def add(self, key: str, diff_ids: Sequence[str]) -> None:
        """Raises Invalid, Conflict or NotFound; the layers are kept from then on."""
        if not _KEY.fullmatch(key):
            raise Invalid(f"invalid snapshot key {key!r}")
        if len(diff_ids) > _LIMIT:
            raise Invalid(f"cannot stack {len(diff_ids)} layers, at most {_LIMIT}")
        with self._collector.lease() as lease:
            for diff_id in diff_ids:
                lease.add(layer.KIND, diff_id)
                self._layers.get(diff_id)
            with self._database.run_state() as transaction:
                if self._exists(key):
                    raise Conflict(f"snapshot {key} exists already")
                transaction.execute("INSERT INTO snapshots VALUES (?)", (key,))
                self._layers.use(transaction, _USER, key, diff_ids)

    def drop(self, key: str) -> None:
        """Forget it; its layers go if nobody else has them.

        Not worth an fsync: a record that a power cut brings back has no directory, and its owner
        removes it again.
        """
        with self._database.run_state() as transaction:
            transaction.execute("DELETE FROM snapshots WHERE key = ?", (key,))
            loose = self._layers.release(transaction, _USER, key)
        if loose:
            self._collector.sweep()

    def is_key(self, key: str) -> bool:
        """Whether it could name a snapshot; nothing else is put into a path."""
        return _KEY.fullmatch(key) is not None

    def keys(self) -> list[str]:
        """All of them."""
        with self._database.read() as connection:
            return [row["key"] for row in connection.execute("SELECT key FROM snapshots")]

    def layers(self, key: str) -> list[str]:
        """DiffIDs, bottom first. Raises NotFound."""
        with self._database.read() as connection:
            found = self._layers.used_by(connection, _USER, key)
        if not found and not self._exists(key):  # only one without layers has to be looked up
            raise NotFound(f"no such snapshot: {key}")
        return found

    def _exists(self, key: str) -> bool:
        with self._database.read() as connection:
            query = "SELECT 1 FROM snapshots WHERE key = ?"
            return connection.execute(query, (key,)).fetchone() is not None

    def directories(self, key: str) -> list[str]:
        """The layers' directories, topmost first. Raises NotFound."""
        return [self.directory(diff_id) for diff_id in reversed(self.layers(key))]

    def directory(self, diff_id: str) -> str:
        """Where a layer's files are."""
        return self._layers.diff_path(diff_id)
