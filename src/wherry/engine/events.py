"""The engine's event log: what happened last, and who listens.

Events are kept in a ring, numbered; every listener has a place in it and reads at its own speed.
One that falls behind by more than the ring loses the oldest ones, as with Docker; nobody waits for
a listener.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from typing import Final

from wherry.engine.event_filters import matches
from wherry.engine.values.events import Event, EventQuery

CAPACITY: Final = 1024
"""Events that are kept for `since` and for slow listeners (Docker keeps 256)."""


class EventLog:
    """Publishes events, and implements the role `EventBackend`."""

    def __init__(self) -> None:
        self._ring: dict[int, Event] = {}
        self._next = 0
        self._changed = asyncio.Event()
        self.listeners = 0

    def publish(self, type: str, action: str, actor: str, attributes: Mapping[str, str]) -> None:
        """Note that something happened just now."""
        event = Event(type, action, actor, dict(attributes), time.time_ns())
        self._ring[self._next] = event
        self._next += 1
        self._ring.pop(self._next - 1 - CAPACITY, None)
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def subscribe(self, query: EventQuery) -> AsyncIterator[Event]:
        """Yield past events since `query.since`, then what comes, until `query.until`."""
        return self._listen(query, self._begin(query))

    def _begin(self, query: EventQuery) -> int:
        if query.since is None and query.until is None:
            return self._next
        return self._next - len(self._ring)

    async def _listen(self, query: EventQuery, position: int) -> AsyncIterator[Event]:
        since = query.since if query.since is not None else 0
        self.listeners += 1
        try:
            while True:
                position = max(position, self._next - len(self._ring))
                for event in self._from(position):
                    position += 1
                    if query.until is not None and event.time > query.until:
                        return
                    if event.time >= since and matches(event, query.filters):
                        yield event
                if position >= self._next and not await self._more(query.until):
                    return
        finally:
            self.listeners -= 1

    def _from(self, position: int) -> list[Event]:
        return [self._ring[number] for number in range(position, self._next)]

    async def _more(self, until: int | None) -> bool:
        """Wait for the next event; False when the listener's time is over."""
        changed = self._changed
        if until is None:
            await changed.wait()
            return True
        try:
            await asyncio.wait_for(changed.wait(), max(0.0, (until - time.time_ns()) / 1e9))
        except TimeoutError:
            return False
        return True
