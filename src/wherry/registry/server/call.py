"""One request of the API, read as far as every endpoint needs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs

from wherry.http.message import Request
from wherry.registry.server.access import Identity
from wherry.registry.server.routes import Route


@dataclass(frozen=True, slots=True)
class Call:
    """A request, what its path means, its query, and who sent it."""

    request: Request
    route: Route
    parameters: Mapping[str, Sequence[str]]
    sender: Identity

    @property
    def name(self) -> str:
        """The repository."""
        return self.route.name

    @property
    def method(self) -> str:
        """The request's method."""
        return self.request.method

    @property
    def query(self) -> Mapping[str, str]:
        """The last value of every parameter."""
        return {name: values[-1] for name, values in self.parameters.items()}

    def header(self, name: str) -> str:
        """A header by its lower-case name, "" if it is not there."""
        return self.request.headers.get(name, "")


def parameters(query: str) -> dict[str, list[str]]:
    """A query string's parameters; those without a value count too. Never raises."""
    try:
        return parse_qs(query, keep_blank_values=True, max_num_fields=100)
    except ValueError:
        return {}
