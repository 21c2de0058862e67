"""`wherry search`: look for repositories in a registry."""

from __future__ import annotations

from wherry.cli.columns import Column, Listing
from wherry.cli.command import Command
from wherry.cli.credentials.store import auth_headers
from wherry.cli.filters import encode_filters
from wherry.cli.flags import Flag
from wherry.cli.formatflag import TABLE_FORMAT
from wherry.cli.listing import print_listing
from wherry.jsontext import decode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.cli.context import Context
    from wherry.cli.flags import Options

FLAGS = (
    Flag("filter", "f", "filter", "Show only repositories that meet a condition (stars=3)"),
    TABLE_FORMAT,
    Flag("limit", "", "int", "Show at most so many (25)"),
    Flag("no-trunc", "", "bool", "Show descriptions in full"),
)
_WIDTH = 45  # of a description, in characters


def run(context: Context, options: Options, arguments: list[str]) -> None:
    """Ask the daemon to ask the registry, Docker Hub unless the term begins with another."""
    filters = encode_filters(options.list("filter"))
    if "is-automated" in filters:
        context.warn(
            'WARNING: the "is-automated" filter is deprecated, and searching for'
            ' "is-automated=true" will not yield any results in future.'
        )
    limit = options.number("limit")
    query = {"term": arguments[0], "limit": limit if limit > 0 else "", "filters": filters}
    headers = auth_headers(context, arguments[0])
    response = context.api.request("GET", "/images/search", query, headers=headers)
    found = decode(response.read())
    layout = options.text("format")
    as_json = layout == "json" or "json ." in layout
    print_listing(_listing(options.on("no-trunc"), as_json), found, layout)


def _listing(full: bool, as_json: bool) -> Listing:
    truth = ("true", "false") if as_json else ("[OK]", "")
    return Listing(
        "*registry.searchContext",
        (
            Column("Name", "NAME", lambda found: str(found["name"])),
            Column("Description", "DESCRIPTION", lambda found: _description(found, full)),
            Column("StarCount", "STARS", lambda found: str(found.get("star_count") or 0)),
            Column("IsOfficial", "OFFICIAL", lambda f: truth[not f.get("is_official")]),
        ),
        ("Name", "Description", "StarCount", "IsOfficial"),
    )


def _description(found: Any, full: bool) -> str:
    text = str(found.get("description") or "").replace("\n", " ").replace("\r", " ")
    return text if full or len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"


COMMAND = Command(
    "Look for images in a registry (Docker Hub if TERM names none)",
    run,
    arguments="TERM",
    flags=FLAGS,
    least=1,
    most=1,
)
