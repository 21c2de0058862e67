"""Columns of listed objects, as rows.

A `Column` is a name that templates use (`.Names`), a heading, and a function from the API's
object to text.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
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
