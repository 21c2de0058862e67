"""The words of `wherry socket create --allow`: single verbs, kinds of objects, and two sets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from wherry.api.access.verbs import PING, READING, UNSERVED, VERBS, of_kind
from wherry.errors import Invalid

_NEVER: Final = of_kind("engine") | {UNSERVED, "image:load"}
"""What is given to no scoped socket: the engine's end, names out of an archive."""

GRANTABLE: Final = frozenset(VERBS.values()) - _NEVER
"""The verbs that a scoped socket can have."""

_ALWAYS: Final = frozenset((PING, UNSERVED))
"""Versions, and the answer that an endpoint of Docker's is not there: clients ask for both."""
_KINDS: Final = ("container", "image", "network", "socket", "volume")
_SETS: Final[Mapping[str, frozenset[str]]] = {
    "read": (READING & GRANTABLE)
    - {"container:copy-out", "image:save", "volume:copy-out", "registry", "socket:list"},
    "run": frozenset(
        (
            "info",
            "events",
            "container:create",
            "container:start",
            "container:stop",
            "container:restart",
            "container:attach",
            "container:wait",
            "container:remove",
            "container:list",
            "container:inspect",
            "container:logs",
            "image:list",
            "image:pull",
            "network:list",
            "volume:list",
        )
    ),
    **{kind: of_kind(kind) & GRANTABLE for kind in _KINDS},
}


def verbs_of(words: Iterable[str]) -> tuple[str, ...]:
    """The verbs that the words mean, sorted, with what everybody may. Raises Invalid."""
    found = set(_ALWAYS)
    for word in words:
        meant = _SETS.get(word) or ({word} & GRANTABLE)
        if not meant:
            raise Invalid(
                f"there is no verb {word} that a socket can be given",
                hint=f"use {', '.join(sorted(_SETS))}, or of {', '.join(sorted(GRANTABLE))}",
            )
        found |= meant
    if found == _ALWAYS:
        raise Invalid("a socket must allow something", hint="--allow read, for example")
    return tuple(sorted(found))
