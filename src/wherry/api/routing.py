"""Where a request leads to: read once, so that access and endpoint cannot disagree about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

from wherry.api.access.verbs import UNKNOWN, VERBS
from wherry.api.router import Route, Router
from wherry.api.routes import ROUTES
from wherry.api.version import split_prefix
from wherry.http.message import Request

_ROUTER: Final = Router(ROUTES)


@dataclass(frozen=True, slots=True)
class Place:
    """A route (None: there is none), the parts of its path, its verb, the version wanted ("")."""

    route: Route | None
    verb: str
    wanted: str
    parts: Mapping[str, str] = field(default_factory=dict)


def locate(request: Request) -> Place:
    """Return where the request leads to."""
    wanted, path = split_prefix(unquote(request.path))
    found = _ROUTER.find(request.method, path) if path.startswith("/") else None
    if found is None:
        return Place(None, UNKNOWN, wanted)
    route, parts = found
    return Place(route, VERBS.get((route.method, route.pattern), UNKNOWN), wanted, parts)
