"""`--format` applied to lists (with headings) and to single objects."""

from __future__ import annotations

from wherry.cli.failures import Failure
from wherry.cli.tables import align
from wherry.cli.templates.errors import TemplateFailure
from wherry.cli.templates.evaluate import render
from wherry.cli.templates.fields import Fields
from wherry.cli.templates.parser import parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from wherry.cli.columns import Listing
    from wherry.cli.templates.nodes import Node

_TABLE = "table"
_JSON = "json"


def render_objects(listing: Listing, objects: Iterable[Any], layout: str) -> str:
    """One line per object, under headings when the layout begins with `table`."""
    template, is_table = _prepare(layout)
    nodes = _parsed(template)
    lines = [_render(nodes, _fields(listing, item)) for item in objects]
    if not is_table:
        return "".join(f"{line}\n" for line in lines)
    return align([_render(nodes, _headings(listing)), *lines])


def render_object(value: Any, layout: str) -> str:
    """One object by a template (`json` for JSON), without a final line end."""
    nodes = _parsed(_prepare(layout)[0])
    try:
        return render(nodes, value)
    except TemplateFailure as failure:
        raise Failure(f"template parsing error: template: {failure}") from None


def _prepare(layout: str) -> tuple[str, bool]:
    """The template proper, escapes resolved, and whether a table is wanted."""
    is_table = layout.startswith(_TABLE)
    template = layout.removeprefix(_TABLE) if is_table else layout
    # Docker takes the two characters \\t for a tab, as single quotes in a shell leave them.
    template = template.strip(" ").replace("\\t", "\t").replace("\\n", "\n")
    return "{{json .}}" if template == _JSON else template, is_table


def _parsed(template: str) -> list[Node]:
    try:
        return parse(template)
    except TemplateFailure as failure:
        raise Failure(f"failed to parse template: template: {failure}") from None


def _render(nodes: list[Node], value: Any) -> str:
    try:
        return render(nodes, value)
    except TemplateFailure as failure:
        raise Failure(f"failed to execute template: template: {failure}") from None


def _fields(listing: Listing, item: Any) -> Fields:
    getters = {name: column.get for name, column in listing.columns.items()}
    return Fields(listing.kind, getters, item, listing.methods)


def _headings(listing: Listing) -> Fields:
    getters = {name: _constant(column.heading) for name, column in listing.columns.items()}
    methods = dict.fromkeys(listing.methods, _label_heading)
    return Fields(listing.kind, getters, None, methods)


def _constant(text: str) -> Callable[[Any], str]:
    return lambda _: text


def _label_heading(_: Any, name: str) -> str:
    """The heading over a label: the last part of its name, in words."""
    return name.rpartition(".")[2].replace("-", " ").replace("_", " ")
