"""The database of record: one SQLite file in WAL mode, shared by every component of the engine.

Two promises to choose from, one connection each (figures: design section 12, feasibility 8):

  `durable()`    synchronous=FULL: when the block has ended, the change survives a power cut.
                 For what must not be lost: containers, images, volumes, networks created/removed.
  `run_state()`  synchronous=NORMAL: survives a crash of any process, but a power cut may take the
                 last ones away (never corrupts). For what a power cut makes untrue anyway: that a
                 process runs. Ten times cheaper.

Both write the same log file, so a `durable()` block also makes every earlier `run_state()` block
durable (https://www.sqlite.org/pragma.html#pragma_synchronous).

Threads: every method may be called from any thread. Blocks exclude each other by a lock, so keep
them short: no await, no file work, no call into another component inside a block. Blocks do not
nest in one thread (`RuntimeError`). `read()` sees the last committed state and never waits for a
writer.

A component owns its tables, names them with its own prefix and never touches another's; it calls
`migrate()` once when it is built. Steps are only ever appended.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from typing import TYPE_CHECKING

from wherry.errors import Internal, Unsupported

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

_SCHEMA = """
CREATE TABLE IF NOT EXISTS migrations (
    component TEXT PRIMARY KEY,
    version INTEGER NOT NULL
) WITHOUT ROWID
"""


class Database:
    """One SQLite file. Opens (and creates) it at once; `close()` when done.

    Raises Internal when the file cannot be opened or is no database.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = str(path)
        self._write_lock = threading.RLock()
        self._read_lock = threading.RLock()
        self._writing = False
        try:
            self._durable = self._connect("FULL")
            self._run_state = self._connect("NORMAL")
            self._reader = self._connect("NORMAL")
            self._durable.execute(_SCHEMA)
        except sqlite3.Error as error:
            raise Internal(f"cannot open the database {self._path}: {error}") from error

    def _connect(self, synchronous: str) -> sqlite3.Connection:
        """A connection in autocommit mode: transactions begin and end only where we say so."""
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA busy_timeout = 10000")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA cache_size = -512")  # KiB; the daemon's memory is budgeted
        return connection

    def migrate(self, component: str, steps: Sequence[str]) -> None:
        """Bring the component's tables to version len(steps); steps[n] leads from n to n+1.

        Each step is SQL text of one or more statements and runs in a transaction of its own.
        Raises Unsupported when the file was written by a newer program.
        """
        with self._write_lock:
            version = self._version(component)
            if version > len(steps):
                raise Unsupported(
                    f"the database {self._path} has version {version} of {component!r}, "
                    f"this program knows {len(steps)}",
                    hint="it was written by a newer Wherry; install that version again",
                )
            for number, step in enumerate(steps[version:], start=version + 1):
                self._apply(component, number, step)

    def _version(self, component: str) -> int:
        query = "SELECT version FROM migrations WHERE component = ?"
        row = self._durable.execute(query, (component,)).fetchone()
        return int(row["version"]) if row else 0

    def _apply(self, component: str, number: int, step: str) -> None:
        """Run one step; `executescript` commits what is open, so it brings its own BEGIN."""
        quoted = component.replace("'", "''")
        record = f"INSERT OR REPLACE INTO migrations VALUES ('{quoted}', {number})"
        try:
            self._durable.executescript(
                f"BEGIN IMMEDIATE;\n{step.rstrip().rstrip(';')};\n{record};\nCOMMIT;"
            )
        except sqlite3.Error as error:
            if self._durable.in_transaction:
                self._durable.execute("ROLLBACK")
            raise Internal(
                f"cannot bring {component!r} in {self._path} to version {number}: {error}"
            ) from error

    @contextlib.contextmanager
    def durable(self) -> Iterator[sqlite3.Connection]:
        """A transaction that survives power loss once the block has ended."""
        with self._transaction(self._durable) as connection:
            yield connection

    @contextlib.contextmanager
    def run_state(self) -> Iterator[sqlite3.Connection]:
        """A transaction that survives the crash of any process."""
        with self._transaction(self._run_state) as connection:
            yield connection

    @contextlib.contextmanager
    def _transaction(self, connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
        with self._write_lock:
            if self._writing:
                raise RuntimeError("database blocks do not nest")
            self._writing = True
            try:
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                except BaseException:
                    connection.execute("ROLLBACK")
                    raise
                connection.execute("COMMIT")
            finally:
                self._writing = False

    @contextlib.contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """The last committed state; several queries of one block see the same snapshot of it."""
        with self._read_lock:
            nested = self._reader.in_transaction
            if not nested:
                self._reader.execute("BEGIN")
            try:
                yield self._reader
            finally:
                if not nested:
                    self._reader.execute("ROLLBACK")

    def close(self) -> None:
        """Close the connections; SQLite folds the log into the file with the last of them."""
        with self._write_lock, self._read_lock:
            for connection in (self._reader, self._run_state, self._durable):
                connection.close()
