"""The table of containers: what the engine knows after a crash or a power cut.

Creating, renaming, updating and removing survive power loss; run state survives the crash of any
process only, since a power cut ends every container anyway (docs/decisions/060-what-is-durable.md).
Containers that remove themselves are never worth an fsync: a power cut removes them as well.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from wherry.engine.containers import rowcodec
from wherry.engine.containers.record import Container, State
from wherry.engine.networks.values import NetworkState
from wherry.errors import Internal
from wherry.storage.database import Database

MIGRATIONS: Final = (
    """
    CREATE TABLE containers (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        definition TEXT NOT NULL,
        run TEXT NOT NULL
    ) WITHOUT ROWID
    """,
)


@dataclass(frozen=True, slots=True)
class Run:
    """What changes while a container lives, written with every transition."""

    state: State = field(default_factory=State)
    restart_count: int = 0
    manually_stopped: bool = False
    network: NetworkState = field(default_factory=NetworkState)


class ContainerTable:
    """Writes containers through to the database; reads them all once, when the daemon starts."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.migrate("containers", MIGRATIONS)

    def load(self) -> list[Container]:
        """Every container there is, in no order. Raises Internal for a row that makes no sense."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT id, name, definition, run FROM containers").fetchall()
        return [_from_row(row) for row in rows]

    def add(self, container: Container) -> None:
        """Write a new container."""
        row = (container.id, container.name, _definition(container), _run(container))
        with self._lasting(container) as connection:
            connection.execute("INSERT INTO containers VALUES (?, ?, ?, ?)", row)

    def save_run(self, container: Container) -> None:
        """Write what changes: state, restart count, whether a user stopped it."""
        with self._database.run_state() as connection:
            connection.execute(
                "UPDATE containers SET run = ? WHERE id = ?", (_run(container), container.id)
            )

    def save_definition(self, container: Container) -> None:
        """Write its name and configuration."""
        with self._lasting(container) as connection:
            connection.execute(
                "UPDATE containers SET name = ?, definition = ? WHERE id = ?",
                (container.name, _definition(container), container.id),
            )

    def delete(self, container: Container) -> None:
        """Forget it. No error when it is not there."""
        with self._lasting(container) as connection:
            connection.execute("DELETE FROM containers WHERE id = ?", (container.id,))

    @contextlib.contextmanager
    def _lasting(self, container: Container) -> Iterator[sqlite3.Connection]:
        database = self._database
        temporary = container.host_config.auto_remove
        with database.run_state() if temporary else database.durable() as connection:
            yield connection


def _definition(container: Container) -> str:
    """All of it but what has columns of its own or is worth nothing after the daemon's end."""
    return rowcodec.dump(
        replace(
            container,
            name="",
            execs={},
            state=State(),
            restart_count=0,
            manually_stopped=False,
            network=NetworkState(),
        )
    )


def _run(container: Container) -> str:
    return rowcodec.dump(
        Run(
            container.state, container.restart_count, container.manually_stopped, container.network
        )
    )  # fmt: skip


def _from_row(row: sqlite3.Row) -> Container:
    try:
        container = rowcodec.load(Container, row["definition"])
        run = rowcodec.load(Run, row["run"])
    except (ValueError, TypeError) as error:
        raise Internal(f"the record of container {row['id']} cannot be read: {error}") from error
    return replace(
        container, name=row["name"], state=run.state, restart_count=run.restart_count,
        manually_stopped=run.manually_stopped, network=run.network,
    )  # fmt: skip
