"""`prune`: remove every stopped container that the filters let through."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from wherry.engine.event_filters import has_label
from wherry.engine.timestamps import parse_moment
from wherry.engine.values.containers import Pruned, RemoveRequest
from wherry.errors import WherryError

if TYPE_CHECKING:
    from wherry.engine.containers.record import Container
    from wherry.engine.containers.removal import Removal
    from wherry.engine.containers.roster import Roster
    from wherry.storage.snapshot import Snapshotter

Filters = Mapping[str, tuple[str, ...]]


async def prune(
    roster: Roster, removal: Removal, snapshotter: Snapshotter, filters: Filters
) -> Pruned:
    """Remove them; what somebody else removes or starts meanwhile is left out. Raises Invalid."""
    until = [parse_moment(value) for value in filters.get("until", ())]
    removed, space = [], 0
    for live in list(roster):
        record = live.record
        if record.state.running or not _matches(record, filters, until):
            continue
        try:
            size = await asyncio.to_thread(snapshotter.written, record.id)
            await removal.remove(live, RemoveRequest())
        except WherryError:
            continue
        removed.append(record.id)
        space += size
    return Pruned(tuple(removed), space)


def _matches(record: Container, filters: Filters, until: list[int]) -> bool:
    labels = record.config.labels or {}
    return (
        all(record.created < moment for moment in until)
        and all(has_label(labels, value) for value in filters.get("label", ()))
        and not any(has_label(labels, value) for value in filters.get("label!", ()))
    )
