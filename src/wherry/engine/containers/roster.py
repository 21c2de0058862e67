"""All containers of an engine: in memory to be found, in the database to be kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from wherry.engine.containers.index import Index
from wherry.engine.containers.live import Live
from wherry.engine.containers.record import Container, State
from wherry.engine.containers.store import ContainerTable
from wherry.engine.events import EventLog
from wherry.errors import Conflict


class Roster:
    """Finds containers, keeps their records, and tells of what happens to them."""

    def __init__(self, table: ContainerTable, events: EventLog) -> None:
        self._table = table
        self._events = events
        self._index: Index[Live] = Index("container")

    def load(self) -> list[Live]:
        """Take over every container of the database; once, when the engine starts."""
        lives = [Live(record) for record in self._table.load()]
        for live in lives:
            self._index.reserve(live.record.name, live.id)
            self._index.add(live.id, live)
        return lives

    def __len__(self) -> int:
        return len(self._index)

    def __iter__(self) -> Iterator[Live]:
        return iter(self._index)

    def find(self, ref: str) -> Live:
        """By id, name or unique prefix. Raises NotFound, Invalid when the prefix fits several."""
        return self._index.find(ref)

    def by_id(self, id: str) -> Live | None:
        """By the whole id."""
        return self._index.by_id(id)

    def is_taken(self, name: str) -> bool:
        """Whether a container has this name, or is about to."""
        return self._index.owner(name) is not None

    def reserve(self, name: str, id: str) -> None:
        """Take a name for a container that is being made or renamed. Raises Conflict."""
        owner = self._index.reserve(name, id)
        if owner is not None:
            raise Conflict(
                f'Conflict. The container name "/{name}" is already in use by container "{owner}". '
                "You have to remove (or rename) that container to be able to reuse that name."
            )

    def release(self, name: str) -> None:
        """Give a reserved name back."""
        self._index.release(name)

    def add(self, record: Container) -> Live:
        """Keep a new container; its name is reserved already."""
        self._table.add(record)
        live = Live(record)
        self._index.add(record.id, live)
        return live

    def remove(self, live: Live) -> None:
        """Forget a container and its name."""
        self._table.delete(live.record)
        self._index.discard(live.id)
        self._index.release(live.record.name)

    def move(self, live: Live, state: State) -> None:
        """Give a container its next state, and keep it."""
        live.record.state = state
        self._table.save_run(live.record)

    def save(self, live: Live) -> None:
        """Keep a changed configuration."""
        self._table.save_definition(live.record)

    def rename(self, live: Live, name: str) -> None:
        """Give it another name. Raises Conflict."""
        self.reserve(name, live.id)
        before = live.record.name
        try:
            self._table.save_definition(replace(live.record, name=name))
        except BaseException:
            self._index.release(name)
            raise
        live.record.name = name
        self._index.release(before)

    def tell(self, live: Live, action: str, **details: str) -> None:
        """Publish an event of a container, with Docker's attributes."""
        record = live.record
        attributes = {
            **(record.config.labels or {}),
            "image": record.config.image,
            "name": record.name,
            **details,
        }
        self._events.publish("container", action, record.id, attributes)
