"""Answers about networks: a network with the containers in it, and which networks a list wants."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from wherry.engine.event_filters import has_label
from wherry.errors import Invalid

if TYPE_CHECKING:
    from wherry.engine.containers.record import Container
    from wherry.engine.networks.values import Endpoint, Network

Filters: TypeAlias = Mapping[str, tuple[str, ...]]

_TRUE: Final = frozenset(("true", "1"))
_FALSE: Final = frozenset(("false", "0"))


@dataclass(frozen=True, slots=True)
class Member:
    """A running container in a network: its name and its endpoint."""

    name: str
    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class NetworkFacts:
    """A network, and who is in it now."""

    network: Network
    members: tuple[Member, ...] = ()


@dataclass(frozen=True, slots=True)
class NetworkCreated:
    """The id of a new network and what there is to warn about ("" for nothing)."""

    id: str
    warning: str = ""


def members(records: Iterable[Container]) -> dict[str, list[Member]]:
    """Who is where, by the network's id."""
    found: dict[str, list[Member]] = {}
    for record in records:
        for attachment in record.network.attachments:
            endpoint = attachment.endpoint
            found.setdefault(endpoint.network_id, []).append(Member(record.name, endpoint))
    return found


def select(facts: Iterable[NetworkFacts], filters: Filters) -> list[NetworkFacts]:
    """The networks that match every filter; of one filter's values any, of labels all."""
    for value in filters.get("type", ()):
        if value not in ("custom", "builtin"):
            raise Invalid(f"invalid filter: 'type'='{value}'", hint="use custom or builtin")
    for value in filters.get("dangling", ()):
        if value not in _TRUE | _FALSE:
            raise Invalid(
                'invalid value for filter \'dangling\', must be "true" (or "1"), or "false" '
                '(or "0")'
            )
    return [
        each for each in facts
        if all(_MATCHERS[name](each, values) for name, values in filters.items() if values)
    ]  # fmt: skip


def _name(facts: NetworkFacts, values: tuple[str, ...]) -> bool:
    return any(value in facts.network.name for value in values)


def _id(facts: NetworkFacts, values: tuple[str, ...]) -> bool:
    return any(facts.network.id.startswith(value) for value in values)


def _driver(facts: NetworkFacts, values: tuple[str, ...]) -> bool:
    return facts.network.driver in values


def _scope(facts: NetworkFacts, values: tuple[str, ...]) -> bool:
    return facts.network.scope in values


def _type(facts: NetworkFacts, values: tuple[str, ...]) -> bool:
    return ("builtin" if facts.network.predefined else "custom") in values


def _label(facts: NetworkFacts, values: tuple[str, ...]) -> bool:
    return all(has_label(facts.network.labels, value) for value in values)


def _not_label(facts: NetworkFacts, values: tuple[str, ...]) -> bool:
    return not any(has_label(facts.network.labels, value) for value in values)


def _dangling(facts: NetworkFacts, values: tuple[str, ...]) -> bool:
    """Networks of the user's own that no running container is in."""
    unused = not facts.network.predefined and not facts.members
    return unused == (values[0] in _TRUE)


_MATCHERS: Final[Mapping[str, Callable[[NetworkFacts, tuple[str, ...]], bool]]] = {
    "name": _name,
    "id": _id,
    "driver": _driver,
    "scope": _scope,
    "type": _type,
    "label": _label,
    "label!": _not_label,
    "dangling": _dangling,
}
