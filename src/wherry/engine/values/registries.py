"""What is asked of registries beside pulling and pushing, and what they answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from wherry.registry.credentials import ANONYMOUS, Credentials
from wherry.spec.image import Descriptor
from wherry.spec.platform import Platform


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """A search for repositories.

    `term` may begin with a registry ("host:port/word"); without one Docker Hub is asked. `limit` is
    from 1 to 100, 0 for the usual 25. Filters are `is-official`, `is-automated`, `stars`.
    """

    term: str
    limit: int = 0
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    credentials: Credentials = ANONYMOUS


@dataclass(frozen=True, slots=True)
class Distribution:
    """What a reference leads to in its registry, and the platforms that it is there for."""

    descriptor: Descriptor
    platforms: tuple[Platform, ...]
