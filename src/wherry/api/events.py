"""GET /events: one JSON object per line, the head at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

from wherry.api import filters
from wherry.api.answers import JSON, json_bytes
from wherry.api.call import Call
from wherry.engine.values.events import Event, EventQuery
from wherry.http.message import Answer, Stream

_BILLION: Final = 1_000_000_000


async def events(call: Call) -> Answer:
    """Stream what happened since `since` and what happens until `until`."""
    query = EventQuery(
        since=call.query.timestamp("since"),
        until=call.query.timestamp("until"),
        filters=filters.parse(call.query.text("filters"), known=None),
    )
    return Stream(200, JSON, _lines(await call.engine.events.subscribe(query)))


async def _lines(events: AsyncIterator[Event]) -> AsyncIterator[bytes]:
    try:
        async for event in events:
            yield json_bytes(rendered(event))
    finally:
        close = getattr(events, "aclose", None)
        if close is not None:
            await close()


def rendered(event: Event) -> dict[str, Any]:
    """Return an event in Docker's keys, with those of API 1.21 that clients still read."""
    legacy: dict[str, Any] = {}
    if event.type in ("container", "image"):
        legacy = {"status": event.action, "id": event.actor}
        if event.type == "container" and event.attributes.get("image"):
            legacy["from"] = event.attributes["image"]
    return {
        **legacy,
        "Type": event.type,
        "Action": event.action,
        "Actor": {"ID": event.actor, "Attributes": dict(event.attributes)},
        "scope": "local",
        "time": event.time // _BILLION,
        "timeNano": event.time,
    }
