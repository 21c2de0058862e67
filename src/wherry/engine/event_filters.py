"""Which events a listener wants: Docker's filters.

Different filters must all match; of the values of one filter any, of labels all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from wherry.engine.values.events import Event

SCOPE: Final = "local"
_OBJECTS: Final = ("container", "network", "volume", "plugin", "daemon", "builder", "service",
                   "node", "secret", "config")  # fmt: skip


def matches(event: Event, filters: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether every filter lets the event through. Unknown filters let everything through."""
    return all(_MATCHERS[name](event, values) for name, values in filters.items() if values
               and name in _MATCHERS)  # fmt: skip


def _action(event: Event, values: tuple[str, ...]) -> bool:
    """`exec_start` also means `exec_start: sh`."""
    return event.action in values or event.action.partition(":")[0] in values


def _type(event: Event, values: tuple[str, ...]) -> bool:
    return event.type in values


def _scope(event: Event, values: tuple[str, ...]) -> bool:
    return SCOPE in values


def _label(event: Event, values: tuple[str, ...]) -> bool:
    return all(has_label(event.attributes, value) for value in values)


def has_label(labels: Mapping[str, str], wanted: str) -> bool:
    """Whether `key` or `key=value` is among the labels."""
    key, separator, value = wanted.partition("=")
    return key in labels and (not separator or labels[key] == value)


def _object(kind: str) -> Callable[[Event, tuple[str, ...]], bool]:
    def match(event: Event, values: tuple[str, ...]) -> bool:
        names = (event.actor, event.attributes.get("name", ""))
        return event.type == kind and any(n.startswith(v) for n in names for v in values)

    return match


def _image(event: Event, values: tuple[str, ...]) -> bool:
    """The image itself, or the image that a container is made of; a missing tag fits every tag."""
    key = "name" if event.type == "image" else "image"
    names = {event.actor, event.attributes.get(key, "")}
    names |= {_without_tag(name) for name in names}
    return bool(names & set(values))


def _without_tag(name: str) -> str:
    head, separator, tag = name.rpartition(":")
    return head if separator and "/" not in tag else name


_MATCHERS: Final[Mapping[str, Callable[[Event, tuple[str, ...]], bool]]] = {
    "event": _action,
    "type": _type,
    "scope": _scope,
    "label": _label,
    "image": _image,
    **{kind: _object(kind) for kind in _OBJECTS},
}
