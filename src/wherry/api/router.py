"""Finding the endpoint of a path: patterns with {part} and {part:.*}, as in Docker's routes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from wherry.api.call import Endpoint
from wherry.api.version import MINIMUM, Version

_PART: Final = re.compile(r"\\\{(\w+)(:\\\.\\\*)?\\\}")


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint: `{name}` in the pattern is one path segment, `{name:.*}` any number."""

    method: str
    pattern: str
    endpoint: Endpoint
    since: Version = MINIMUM


class Router:
    """A table of routes, looked through in order."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._exact: dict[tuple[str, str], Route] = {}
        self._patterns: dict[tuple[str, str], list[tuple[re.Pattern[str], Route]]] = {}
        for route in routes:
            if "{" not in route.pattern:
                self._exact[route.method, route.pattern] = route
                continue
            group = self._patterns.setdefault((route.method, _first(route.pattern)), [])
            group.append((_compiled(route.pattern), route))

    def find(self, method: str, path: str) -> tuple[Route, Mapping[str, str]] | None:
        """Return the route of a decoded path and its parts, None where there is none."""
        route = self._exact.get((method, path))
        if route is not None:
            return route, {}
        for pattern, route in self._patterns.get((method, _first(path)), ()):
            match = pattern.fullmatch(path)
            if match is not None:
                return route, match.groupdict()
        return None


def _first(path: str) -> str:
    return path.split("/", 2)[1]


def _compiled(pattern: str) -> re.Pattern[str]:
    def part(match: re.Match[str]) -> str:
        return f"(?P<{match[1]}>{'.+' if match[2] else '[^/]+'})"

    return re.compile(_PART.sub(part, re.escape(pattern)))
