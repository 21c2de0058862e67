"""Dataclass fields that carry their JSON form: the words in which Docker's types are written down.

Every function makes one `dataclasses.field`; its metadata holds a `Json`, which
`wherry.spec.jsoncodec` reads. Nothing here knows HTTP or a Docker type.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final

KEY: Final = "json"


@dataclasses.dataclass(frozen=True, slots=True)
class Json:
    """How a field looks in JSON.

    `name` is the key; `go` the type that Docker's messages name (and whose range is enforced for
    integers); `omit_empty` leaves the key out when the value is empty (Go's `omitempty`); `pointer`
    says that only None is empty (in Go the field is a pointer), not also 0, false or {}.
    """

    name: str
    go: str
    omit_empty: bool = False
    pointer: bool = False


def json_field(name: str, go: str, default: Any = None, *, omit: bool = False) -> Any:
    """Return a field of any type with a default value and its JSON form."""
    collection = go.startswith(("[]", "map[", "strslice."))
    form = Json(name, go, omit, pointer=default is None and not collection)
    return dataclasses.field(default=default, metadata={KEY: form})


def text(name: str, default: str = "", *, omit: bool = False) -> Any:
    """Return a string field; absent and null mean the default."""
    return json_field(name, "string", default, omit=omit)


def flag(name: str, *, omit: bool = False) -> Any:
    """Return a boolean field, false by default."""
    return json_field(name, "bool", False, omit=omit)


def number(name: str, go: str = "int64", *, omit: bool = False) -> Any:
    """Return an integer field, 0 by default, with the range of the Go type."""
    return json_field(name, go, 0, omit=omit)


def strings(name: str, *, omit: bool = False) -> Any:
    """Return a field of strings; None is JSON's null (or an absent key), () is []."""
    return json_field(name, "[]string", None, omit=omit)


def words(name: str, *, omit: bool = False) -> Any:
    """Return a field of strings that may also be given as one string (Go's StrSlice)."""
    return json_field(name, "strslice.StrSlice", None, omit=omit)


def pairs(name: str, *, omit: bool = False) -> Any:
    """Return a field that maps strings to strings; None is null or an absent key."""
    return json_field(name, "map[string]string", None, omit=omit)


def names(name: str, *, omit: bool = False) -> Any:
    """Return a set of strings in Go's form, an object whose values are all `{}`.

    Kept as a tuple in the order given.
    """
    return json_field(name, "map[string]struct {}", None, omit=omit)


def form_of(field: dataclasses.Field[Any]) -> Json | None:
    """Return the JSON form of a dataclass field, None where it has none (not on the wire)."""
    metadata: Mapping[str, Any] = field.metadata
    return metadata.get(KEY)
