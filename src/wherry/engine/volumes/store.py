"""The table of volumes. Every change is durable: a volume is what must not be lost."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from wherry.engine.containers import rowcodec
from wherry.engine.volumes.values import Volume

if TYPE_CHECKING:
    from wherry.storage.database import Database

MIGRATIONS: Final = (
    """
    CREATE TABLE volumes (
        name TEXT PRIMARY KEY,
        definition TEXT NOT NULL
    ) WITHOUT ROWID
    """,
)


class VolumeTable:
    """Writes volumes through to the database; reads them all once, when the daemon starts."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.migrate("volumes", MIGRATIONS)

    def load(self) -> list[Volume]:
        """Every volume there is, by name."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT definition FROM volumes ORDER BY name").fetchall()
        return [rowcodec.load(Volume, row["definition"]) for row in rows]

    def add(self, volume: Volume) -> None:
        """Write a new volume."""
        row = (volume.name, rowcodec.dump(volume))
        with self._database.durable() as connection:
            connection.execute("INSERT INTO volumes VALUES (?, ?)", row)

    def rename(self, volume: Volume, name: str) -> Volume:
        """Write it under another name; returns it as it is then."""
        renamed = replace(volume, name=name)
        row = (name, rowcodec.dump(renamed), volume.name)
        with self._database.durable() as connection:
            connection.execute("UPDATE volumes SET name = ?, definition = ? WHERE name = ?", row)
        return renamed

    def delete(self, name: str) -> None:
        """Forget it. No error when it is not there."""
        with self._database.durable() as connection:
            connection.execute("DELETE FROM volumes WHERE name = ?", (name,))
