"""Events: what happened to which object, and which of them a listener wants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    `type` is "container", "image", "daemon"...; `action` Docker's word, with detail behind ": "
    where Docker has it ("exec_create: sh"); `actor` the object's id; `time` nanoseconds since the
    epoch.
    """

    type: str
    action: str
    actor: str
    attributes: Mapping[str, str]
    time: int


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Which events: since and until in nanoseconds since the epoch, filters as in `ListQuery`.

    `since` None begins with what comes; `until` None never ends.
    """

    since: int | None = None
    until: int | None = None
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
