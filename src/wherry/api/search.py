"""GET /images/search: repositories of a registry by word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wherry.api import filters, registry_auth
from wherry.api.answers import json_response
from wherry.api.call import Call
from wherry.engine.values.registries import SearchQuery
from wherry.errors import Invalid
from wherry.http.message import Answer

if TYPE_CHECKING:
    from wherry.registry.session import Found

FILTERS: Final = frozenset(("is-automated", "is-official", "stars"))


async def search(call: Call) -> Answer:
    """Repositories in the order in which the registry ranks them."""
    limit = call.query.integer("limit") or 0
    if limit < 0:
        raise Invalid("invalid limit specified")
    query = SearchQuery(
        term=call.query.text("term"),
        limit=limit,
        filters=filters.parse(call.query.text("filters"), FILTERS),
        credentials=registry_auth.of_request(call.request),
    )
    return json_response([_shown(found) for found in await call.engine.registries.search(query)])


def _shown(found: Found) -> dict[str, Any]:
    return {
        "star_count": found.stars,
        "is_official": found.official,
        "name": found.name,
        "is_automated": False,
        "description": found.description,
    }
