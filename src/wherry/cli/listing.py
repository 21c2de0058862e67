"""Lists of objects: printed as a table, by a template, or as JSON.

The default table goes without the template engine, which costs time to import.
"""

from __future__ import annotations

from wherry.cli.output import STDOUT, write_text
from wherry.cli.tables import align

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from wherry.cli.columns import Listing


def print_listing(listing: Listing, objects: Iterable[Any], layout: str = "") -> None:
    """Print `objects` to `layout`: "" or "table" for the default table, or any --format."""
    if layout in ("", "table"):
        write_text(STDOUT, _default_table(listing, objects))
        return
    from wherry.cli.templated import render_objects

    write_text(STDOUT, render_objects(listing, objects, layout))


def _default_table(listing: Listing, objects: Iterable[Any]) -> str:
    columns = [listing.columns[name] for name in listing.shown]
    heading = "\t".join(column.heading for column in columns)
    rows = ["\t".join(column.get(item) or "" for column in columns) for item in objects]
    return align([heading, *rows])
