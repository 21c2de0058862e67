"""The `filters` parameter: its two JSON forms and the names each list knows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from wherry.errors import Invalid

Filters: TypeAlias = Mapping[str, tuple[str, ...]]

CONTAINERS: Final = frozenset(
    [
        "ancestor",
        "before",
        "exited",
        "expose",
        "health",
        "id",
        "is-task",
        "isolation",
        "label",
        "name",
        "network",
        "publish",
        "since",
        "status",
        "volume",
    ]
)
CONTAINERS_PRUNE: Final = frozenset(("label", "label!", "until"))
IMAGES: Final = frozenset(["before", "dangling", "label", "reference", "since", "until"])
IMAGES_PRUNE: Final = frozenset(("dangling", "label", "label!", "until"))
VOLUMES: Final = frozenset(("dangling", "driver", "label", "name"))
VOLUMES_PRUNE: Final = frozenset(("all", "label", "label!"))
NETWORKS: Final = frozenset(["dangling", "driver", "id", "label", "name", "scope", "type"])
NETWORKS_PRUNE: Final = frozenset(("label", "label!", "until"))
_VALUES: Final[Mapping[str, frozenset[str]]] = {
    "status": frozenset(
        ["created", "dead", "exited", "paused", "removing", "restarting", "running"]
    ),
    "health": frozenset(["healthy", "none", "starting", "unhealthy"]),
}


def parse(text: str, known: frozenset[str] | None) -> Filters:
    """Return the filters of a request: {"name": ["value"]} or {"name": {"value": true}}.

    Raises Invalid for another form, for a name not in `known` (None: any may be) and for a state
    that none is.
    """
    if not text:
        return {}
    filters = {name: _values(values) for name, values in _object(text).items()}
    for name, values in filters.items():
        if known is not None and name not in known:
            raise Invalid(f"invalid filter '{name}'")
        if name in _VALUES:
            _check(name, values)
    return filters


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise Invalid("invalid filter") from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Invalid("invalid filter")
    return value


def _values(values: Any) -> tuple[str, ...]:
    """Return the values of one filter; both forms are lists or objects of strings."""
    if isinstance(values, dict):
        if not all(isinstance(wanted, bool) for wanted in values.values()):
            raise Invalid("invalid filter")
        return tuple(value for value, wanted in values.items() if wanted)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise Invalid("invalid filter")
    return tuple(values)


def _check(name: str, values: tuple[str, ...]) -> None:
    for value in values:
        if value not in _VALUES[name]:
            raise Invalid(f"invalid filter '{name}={value}'")
