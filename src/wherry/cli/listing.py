"""Lists of objects: columns as rows, printed as a table, by a template, or as JSON.

A `Column` is a name that templates use (`.Names`), a heading, and a function from the API's
object to text. The default table goes without the template engine, which costs time to import.
"""

from __future__ import annotations

from wherry.cli.output import STDOUT, write_text
from wherry.cli.tables import align

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    Getter = Callable[[Any], str | None]


class Column:
    """One field of a listed object."""

    __slots__ = ("get", "heading", "name")

    def __init__(self, name: str, heading: str, get: Getter) -> None:
        self.name = name
        self.heading = heading
        self.get = get


class Listing:
    """The columns of a kind of object, those shown by default, and what templates may call.

    `kind` is how error messages name the object; `methods` are template functions of the object
    that take an argument (`.Label "name"`).
    """

    __slots__ = ("columns", "kind", "methods", "shown")

    def __init__(
        self,
        kind: str,
        columns: Sequence[Column],
        shown: Sequence[str],
        methods: Mapping[str, Callable[..., str]] | None = None,
    ) -> None:
        self.kind = kind
        self.columns = {column.name: column for column in columns}
        self.shown = tuple(shown)
        self.methods = dict(methods or {})


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
