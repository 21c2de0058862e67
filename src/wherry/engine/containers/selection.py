"""Which containers `docker ps` lists: state, order, limit and the filters.

Filters with different names must all match; of one name's values any, of labels all. Names, ids and
states are matched as Docker does: equal, or found by the value as a regular expression.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from wherry.engine.containers.record import Container
from wherry.engine.values.containers import ListQuery
from wherry.errors import Invalid

Values: TypeAlias = tuple[str, ...]
Match: TypeAlias = Callable[[Container, Values], bool]

_PORTS: Final = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?(?:/(tcp|udp|sctp))?")


@dataclass(frozen=True, slots=True)
class Known:
    """What the filters have to look up elsewhere.

    `container` finds one by reference (raises NotFound); `image` gives an image's id by reference,
    None when there is none.
    """

    container: Callable[[str], Container]
    image: Callable[[str], str | None]


def select(containers: Iterable[Container], query: ListQuery, known: Known) -> list[Container]:
    """Return the containers that match, newest first.

    Raises NotFound for an unknown container in `before` and `since`, Invalid for a bad value.
    """
    filters = {name: values for name, values in query.filters.items() if values}
    tests = _tests(filters, known)
    everything = query.all or query.limit > 0 or "status" in filters
    ordered = sorted(containers, key=lambda container: container.created, reverse=True)
    chosen = [
        container
        for container in _between(ordered, filters, known)
        if (everything or container.state.running) and all(test(container) for test in tests)
    ]
    return chosen[: query.limit] if query.limit > 0 else chosen


def _tests(filters: Mapping[str, Values], known: Known) -> list[Callable[[Container], bool]]:
    """Return one test per filter; `ancestor` and `exited` are looked up and checked once."""
    resolved = dict(filters)
    if "ancestor" in resolved:
        resolved["ancestor"] = tuple(known.image(ref) or "" for ref in resolved["ancestor"])
    for name, check in (("exited", _exit_code), ("publish", _ports), ("expose", _ports)):
        for value in resolved.get(name, ()):
            check(value)
    return [_test(_MATCHES[name], values) for name, values in resolved.items() if name in _MATCHES]


def _test(match: Match, values: Values) -> Callable[[Container], bool]:
    return lambda container: match(container, values)


def _between(
    ordered: list[Container], filters: Mapping[str, Values], known: Known
) -> list[Container]:
    """Return what is older than `before` and newer than `since`."""
    for value in filters.get("before", ()):
        limit = known.container(value).created
        ordered = [container for container in ordered if container.created < limit]
    for value in filters.get("since", ()):
        limit = known.container(value).created
        ordered = [container for container in ordered if container.created > limit]
    return ordered


def _matches(value: str, text: str) -> bool:
    """Whether a value names the text: equal, or found in it as a regular expression."""
    if value == text:
        return True
    try:
        return re.search(value, text) is not None
    except re.error:
        return False


def _name(container: Container, values: Values) -> bool:
    names = (container.name, f"/{container.name}")
    return any(_matches(value, name) for value in values for name in names)


def _id(container: Container, values: Values) -> bool:
    return any(_matches(value, container.id) for value in values)


def _status(container: Container, values: Values) -> bool:
    return any(_matches(value, container.state.status) for value in values)


def _label(container: Container, values: Values) -> bool:
    labels = container.config.labels or {}
    for wanted in values:
        key, separator, value = wanted.partition("=")
        if key not in labels or (separator and labels[key] != value):
            return False
    return True


def _exited(container: Container, values: Values) -> bool:
    state = container.state
    ended = not state.running and bool(state.started_at)
    return ended and state.exit_code in map(_exit_code, values)


def _exit_code(value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise Invalid(f"invalid filter 'exited={value}'") from None


def _ancestor(container: Container, values: Values) -> bool:
    return container.image_id in values


def _volume(container: Container, values: Values) -> bool:
    return any(
        value in (mount.name, mount.source, mount.destination)
        for mount in container.mounts
        for value in values
    )


def _network(container: Container, values: Values) -> bool:
    names = set(container.networking.endpoints_config or {})
    return bool((names | {container.host_config.network_mode}) & set(values))


def _health(container: Container, values: Values) -> bool:
    return "none" in values


def _is_task(container: Container, values: Values) -> bool:
    return "false" in values or "0" in values


def _publish(container: Container, values: Values) -> bool:
    """By the host's port, while it is published: as Docker does it, not as its manual says."""
    held = (f"{row.host_port}/{row.proto}" for row in container.network.published)
    return _any_port(held, values)


def _expose(container: Container, values: Values) -> bool:
    """By the container's port, while it runs."""
    exposed = container.config.exposed_ports if container.state.running else ()
    return _any_port(exposed or (), values)


def _any_port(ports: Iterable[str], values: Values) -> bool:
    wanted = [_ports(value) for value in values]
    for port in ports:
        number, _, protocol = port.partition("/")
        for low, high, kind in wanted:
            if number.isdigit() and low <= int(number) <= high and kind == (protocol or "tcp"):
                return True
    return False


def _ports(value: str) -> tuple[int, int, str]:
    """Return (first, last, protocol) of "80", "80/udp", "8000-8010/tcp"."""
    match = _PORTS.fullmatch(value)
    if match is None:
        raise Invalid(f"invalid filter: '{value}' is not a port or a range of ports")
    low = int(match[1])
    return low, int(match[2] or low), match[3] or "tcp"


_MATCHES: Final[Mapping[str, Match]] = {
    "ancestor": _ancestor,
    "exited": _exited,
    "expose": _expose,
    "health": _health,
    "id": _id,
    "is-task": _is_task,
    "label": _label,
    "name": _name,
    "network": _network,
    "publish": _publish,
    "status": _status,
    "volume": _volume,
}
