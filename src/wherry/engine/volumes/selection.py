"""Which volumes a list or a prune means: Docker's filters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from wherry.engine.event_filters import has_label
from wherry.errors import Invalid

if TYPE_CHECKING:
    from wherry.engine.volumes.values import Volume

Filters = Mapping[str, tuple[str, ...]]
IsUsed = Callable[[str], bool]
_TRUE, _FALSE = ("1", "true", "True", "TRUE", "t", "T"), ("0", "false", "False", "FALSE", "f", "F")


def select(volumes: Iterable[Volume], filters: Filters, is_used: IsUsed) -> list[Volume]:
    """The volumes that every filter lets through, by name. Raises Invalid."""
    dangling = _truth("dangling", filters)
    return [
        volume
        for volume in sorted(volumes, key=lambda volume: volume.name)
        if _matches(volume, filters) and (dangling is None or dangling is not is_used(volume.name))
    ]


def prunable(volumes: Iterable[Volume], filters: Filters, is_used: IsUsed) -> list[Volume]:
    """The unused ones that a prune takes. Raises Invalid."""
    everything = _truth("all", filters) or False
    return [
        volume
        for volume in select(volumes, filters, is_used)
        if not is_used(volume.name) and (everything or volume.is_anonymous)
    ]


def _matches(volume: Volume, filters: Filters) -> bool:
    """Of the values of `name` and `driver` any must fit, of labels all."""
    labels = volume.labels or {}
    names, drivers = filters.get("name", ()), filters.get("driver", ())
    return (
        (not names or any(part in volume.name for part in names))
        and (not drivers or volume.driver in drivers)
        and all(has_label(labels, wanted) for wanted in filters.get("label", ()))
        and not any(has_label(labels, unwanted) for unwanted in filters.get("label!", ()))
    )


def _truth(name: str, filters: Filters) -> bool | None:
    values = filters.get(name, ())
    if not values:
        return None
    if len(values) > 1 or values[0] not in (*_TRUE, *_FALSE):
        raise Invalid(f"invalid filter '{name}={list(values)}'")
    return values[0] in _TRUE
