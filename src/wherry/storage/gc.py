"""Collecting what nothing owns, by a table of loose things instead of a search.

A thing (a layer, a blob) is *loose* when its files may be in place but no record owns it: it was
just written and waits to be adopted, or its last owner went away. The table `gc_loose` names such
things; a row is written, durably, before the files appear and goes in the same transaction that
records the first owner. So a crash at any moment leaves only files that the table names, and
sweeping after a start costs as much as was loose, not as much as there is.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from wherry.storage.leases import Lease, Leases

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator

    from wherry.storage.database import Database
    from wherry.storage.leases import Key

_STEPS = ("CREATE TABLE gc_loose (kind TEXT, name TEXT, PRIMARY KEY (kind, name)) WITHOUT ROWID",)


class Collector:
    """Deletes loose things that nobody leases. Stores register how their kind is deleted."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._leases = Leases()
        self._removers: dict[str, Callable[[str], None]] = {}
        database.migrate("gc", _STEPS)

    def register(self, kind: str, remove: Callable[[str], None]) -> None:
        """`remove(name)` deletes files and records of one thing; it may be repeated."""
        self._removers[kind] = remove

    @contextlib.contextmanager
    def lease(self) -> Iterator[Lease]:
        """Hold things while working on them; what is still loose at the end is deleted."""
        lease = Lease(self._leases)
        try:
            yield lease
        finally:
            lease.end()
            for key in lease.keys:
                self._collect(key)

    def loosen(self, transaction: sqlite3.Connection, kind: str, name: str) -> None:
        """Nothing owns the thing any more (or yet)."""
        transaction.execute("INSERT OR IGNORE INTO gc_loose VALUES (?, ?)", (kind, name))

    def adopt(self, transaction: sqlite3.Connection, kind: str, name: str) -> None:
        """A record of this transaction owns the thing. The caller holds a lease on it."""
        transaction.execute("DELETE FROM gc_loose WHERE kind = ? AND name = ?", (kind, name))

    def sweep(self) -> int:
        """Delete every loose thing that nobody leases; returns how many."""
        collected = 0
        while loose := self._loose():
            before = collected
            collected += sum(self._collect(key) for key in loose)
            if collected == before:
                break
        return collected

    def _loose(self) -> list[Key]:
        with self._database.read() as connection:
            rows = connection.execute("SELECT kind, name FROM gc_loose").fetchall()
        return [(row["kind"], row["name"]) for row in rows]

    def _collect(self, key: Key) -> bool:
        """Delete one thing if it is loose and free; whether it was."""
        remover = self._removers.get(key[0])
        if remover is None or not self._leases.begin_removal(key):
            return False
        try:
            if not self._is_loose(key):
                return False
            remover(key[1])
            with self._database.durable() as transaction:
                self.adopt(transaction, *key)
            return True
        finally:
            self._leases.end_removal(key)

    def _is_loose(self, key: Key) -> bool:
        query = "SELECT 1 FROM gc_loose WHERE kind = ? AND name = ?"
        with self._database.read() as connection:
            return connection.execute(query, key).fetchone() is not None
