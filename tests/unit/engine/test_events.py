"""The event log: past, present, filters, slow listeners."""

from __future__ import annotations

import asyncio
import time

from wherry.engine import events as log
from wherry.engine.event_filters import matches
from wherry.engine.values.events import Event, EventQuery

CONTAINER = Event(
    "container", "exec_start: sh", "abc", {"name": "web", "image": "box:1", "k": "v"}, 5
)


async def _take(events: log.EventLog, query: EventQuery) -> list[str]:
    return [event.action async for event in await events.subscribe(query)]


async def test_past_events_until_now() -> None:
    events = log.EventLog()
    events.publish("container", "create", "a", {})
    events.publish("container", "start", "a", {})
    assert await _take(events, EventQuery(since=0, until=time.time_ns())) == ["create", "start"]


async def test_new_events_from_the_moment_of_asking() -> None:
    events = log.EventLog()
    events.publish("container", "create", "a", {})
    listening = await events.subscribe(EventQuery())
    events.publish("container", "start", "a", {})
    assert (await anext(listening)).action == "start"
    waiting = asyncio.create_task(_next(listening))
    await asyncio.sleep(0)
    events.publish("container", "die", "a", {})
    assert await waiting == "die"
    await listening.aclose()  # type: ignore[attr-defined]
    assert events.listeners == 0


async def _next(listening: object) -> str:
    event: Event = await anext(listening)  # type: ignore[call-overload]
    return event.action


async def test_until_ends_a_quiet_wait() -> None:
    events = log.EventLog()
    assert await _take(events, EventQuery(until=time.time_ns() + 20_000_000)) == []


async def test_a_slow_listener_loses_the_oldest() -> None:
    events = log.EventLog()
    listening = await events.subscribe(EventQuery())
    for number in range(log.CAPACITY + 10):
        events.publish("container", str(number), "a", {})
    assert (await anext(listening)).action == "10"


def test_filters() -> None:
    yes: list[dict[str, tuple[str, ...]]] = [
        {},
        {"event": ("exec_start",)},
        {"event": ("die", "exec_start: sh")},
        {"type": ("container",)},
        {"container": ("web",)},
        {"container": ("ab",)},
        {"image": ("box",)},
        {"image": ("box:1",)},
        {"label": ("k", "k=v")},
        {"scope": ("local",)},
    ]
    no: list[dict[str, tuple[str, ...]]] = [
        {"event": ("exec",)},
        {"type": ("image",)},
        {"container": ("other",)},
        {"image": ("bo",)},
        {"label": ("k", "missing")},
        {"type": ("container",), "event": ("die",)},
        {"network": ("web",)},
    ]
    assert all(matches(CONTAINER, filters) for filters in yes)
    assert not any(matches(CONTAINER, filters) for filters in no)
