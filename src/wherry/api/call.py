"""One API request, as the resource handlers see it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from wherry.api.backend import Backends
from wherry.api.query import Query
from wherry.api.version import Version
from wherry.http.message import Answer, Request


@dataclass(frozen=True, slots=True)
class Call:
    """A request with what was worked out on the way: its version, path parts and query."""

    request: Request
    version: Version
    path: Mapping[str, str]
    query: Query
    engine: Backends


Endpoint: TypeAlias = Callable[[Call], Awaitable[Answer]]
