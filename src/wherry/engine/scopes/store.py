"""The table of scoped sockets. Durable: a right that was taken away does not come back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.engine.containers import rowcodec
from wherry.engine.scopes.values import Scope

if TYPE_CHECKING:
    from wherry.storage.database import Database

MIGRATIONS: Final = (
    """
    CREATE TABLE sockets (
        name TEXT PRIMARY KEY,
        definition TEXT NOT NULL
    ) WITHOUT ROWID
    """,
)


class ScopeTable:
    """Writes scopes through to the database; reads them all once, when the daemon starts."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.migrate("sockets", MIGRATIONS)

    def load(self) -> list[Scope]:
        """Every scope there is, by name."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT definition FROM sockets ORDER BY name").fetchall()
        return [rowcodec.load(Scope, row["definition"]) for row in rows]

    def add(self, scope: Scope) -> None:
        """Write a new scope."""
        row = (scope.name, rowcodec.dump(scope))
        with self._database.durable() as connection:
            connection.execute("INSERT INTO sockets VALUES (?, ?)", row)

    def delete(self, name: str) -> None:
        """Forget it. No error when it is not there."""
        with self._database.durable() as connection:
            connection.execute("DELETE FROM sockets WHERE name = ?", (name,))
