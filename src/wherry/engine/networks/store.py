"""The table of networks. Making and removing one survives power loss."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from wherry.engine.containers import rowcodec
from wherry.engine.networks.values import Network
from wherry.errors import Internal

if TYPE_CHECKING:
    import sqlite3

    from wherry.storage.database import Database

MIGRATIONS: Final = (
    """
    CREATE TABLE networks (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        definition TEXT NOT NULL
    ) WITHOUT ROWID
    """,
)


class NetworkTable:
    """Writes networks through to the database; reads them all once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.migrate("networks", MIGRATIONS)

    def load(self) -> list[Network]:
        """Every network there is, oldest first. Raises Internal for a row that makes no sense."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT id, name, definition FROM networks").fetchall()
        return sorted((_from_row(row) for row in rows), key=lambda network: network.created)

    def add(self, network: Network) -> None:
        """Write a network, new or changed."""
        row = (network.id, network.name, rowcodec.dump(network))
        with self._database.durable() as connection:
            connection.execute("INSERT OR REPLACE INTO networks VALUES (?, ?, ?)", row)

    def delete(self, network: Network) -> None:
        """Forget it. No error when it is not there."""
        with self._database.durable() as connection:
            connection.execute("DELETE FROM networks WHERE id = ?", (network.id,))


def _from_row(row: sqlite3.Row) -> Network:
    try:
        network = rowcodec.load(Network, row["definition"])
    except (ValueError, TypeError) as error:
        raise Internal(f"the record of network {row['id']} cannot be read: {error}") from error
    return replace(network, name=row["name"])
