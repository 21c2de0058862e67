"""What a registry has: tags, repositories, search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from wherry.registry.conversation import pull_scope, read_object
from wherry.registry.endpoint import Call

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wherry.registry.conversation import Conversation

_PAGE: Final = {"n": "1000"}


@dataclass(frozen=True, slots=True)
class Found:
    """One line of a search (`docker search`)."""

    name: str
    description: str
    stars: int
    official: bool
    automated: bool


def tags(talk: Conversation, repository: str) -> Iterator[str]:
    """Every tag of a repository."""
    call = Call("GET", f"{repository}/tags/list", pull_scope(repository), _PAGE)
    for page in talk.pages(call, f"tags of {repository}"):
        yield from map(str, page.get("tags") or ())


def catalog(talk: Conversation) -> Iterator[str]:
    """Every repository that the registry tells of."""
    call = Call("GET", "_catalog", frozenset({"registry:catalog:*"}), _PAGE)
    for page in talk.pages(call, f"catalog of {talk.registry.name}"):
        yield from map(str, page.get("repositories") or ())


def search(talk: Conversation, term: str, limit: int) -> tuple[Found, ...]:
    """Repositories that match (registry API v1)."""
    what = f"search on {talk.registry.name}"
    answer = talk.send(Call("GET", "/v1/search", query={"q": term, "n": str(limit)}))
    talk.expect(answer, what, 200)
    results = read_object(answer, what).get("results")
    lines = results if isinstance(results, list) else []
    return tuple(_found(line) for line in lines if isinstance(line, dict))


def _found(line: Mapping[str, Any]) -> Found:
    return Found(
        str(line.get("name") or ""),
        str(line.get("description") or ""),
        line["star_count"] if isinstance(line.get("star_count"), int) else 0,
        bool(line.get("is_official")),
        bool(line.get("is_automated")),
    )
