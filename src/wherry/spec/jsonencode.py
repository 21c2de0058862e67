"""The dataclasses of `jsonfields` back into JSON values, keys and omissions as Go writes them."""

from __future__ import annotations

import dataclasses
import functools
import operator
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from wherry.spec.jsonfields import Json, form_of

Encoder: TypeAlias = Callable[[Any], Any]


@dataclasses.dataclass(frozen=True, slots=True)
class _Table:
    """How to write one class: all values are fetched in one call, few need more than that."""

    fetch: Callable[[Any], tuple[Any, ...]]
    keys: tuple[str, ...]
    encoders: tuple[tuple[str, Encoder], ...]
    omitted_null: tuple[str, ...]
    omitted_empty: tuple[str, ...]


def encode(value: Any) -> dict[str, Any]:
    """Return a dataclass of `jsonfields` as a dict that json.dumps accepts."""
    cls: Any = type(value)
    table = _table(cls)
    out = dict(zip(table.keys, table.fetch(value), strict=True))
    for key, encoder in table.encoders:
        if out[key] is not None:
            out[key] = encoder(out[key])
    for key in table.omitted_null:
        if out[key] is None:
            del out[key]
    for key in table.omitted_empty:
        if not out[key]:
            del out[key]
    return out


@functools.cache
def _table(cls: Any) -> _Table:
    forms = [(field.name, form) for field in dataclasses.fields(cls) if (form := form_of(field))]
    getter = operator.attrgetter(*(attribute for attribute, _ in forms))
    omitted = [form for _, form in forms if form.omit_empty]
    return _Table(
        fetch=getter if len(forms) > 1 else lambda value: (getter(value),),
        keys=tuple(form.name for _, form in forms),
        encoders=tuple((form.name, e) for _, form in forms if (e := _encoder(form))),
        omitted_null=tuple(form.name for form in omitted if form.pointer),
        omitted_empty=tuple(form.name for form in omitted if not form.pointer),
    )


def _encoder(form: Json) -> Encoder | None:
    """Return what turns a field's value into JSON, None where it is JSON already."""
    if form.go == "map[string]struct {}":
        return lambda names: {name: {} for name in names}
    if form.go in _PLAIN or form.go.startswith("[]string"):
        return None
    return _plain


_PLAIN = {"string", "bool", "int", "int64", "uint16", "uint32", "uint64", "time.Duration"}


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return encode(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value
