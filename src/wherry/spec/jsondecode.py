"""JSON values into the dataclasses of `jsonfields`, with the leniency and the messages of Go.

As in Go's encoding/json: unknown keys are ignored, keys match without regard to case when none
matches exactly, null leaves the default. A value of the wrong type is an Invalid error in Go's
words, since clients (and people) look for them.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias, TypeVar

from wherry.errors import Invalid
from wherry.spec.jsonfields import form_of

T = TypeVar("T")
Decoder: TypeAlias = Callable[[Any], Any]

_RANGES: Final[Mapping[str, tuple[int, int]]] = {
    "uint16": (0, 2**16 - 1),
    "uint32": (0, 2**32 - 1),
    "uint64": (0, 2**64 - 1),
    "uint": (0, 2**64 - 1),
}
_INT64: Final = (-(2**63), 2**63 - 1)


class Mismatch(Exception):
    """A value that does not fit; the structs around it add where it was found."""

    def __init__(self, kind: str, go: str) -> None:
        super().__init__(kind, go)
        self.kind = kind
        self.go = go
        self.struct = ""
        self.path: list[str] = []

    def found_in(self, struct: str, key: str) -> None:
        """Note the struct and key that hold it; the innermost struct gives the name."""
        self.struct = self.struct or struct
        self.path.insert(0, key)

    def message(self) -> str:
        """Return Go's sentence (encoding/json, UnmarshalTypeError)."""
        if not self.struct:
            return f"json: cannot unmarshal {self.kind} into Go value of type {self.go}"
        where = ".".join((self.struct, *self.path))
        return f"json: cannot unmarshal {self.kind} into Go struct field {where} of type {self.go}"


def decode(cls: type[T], value: object, go: str = "") -> T:
    """Return `value` (what json.loads gave) as a `cls`; `go` names the type in messages.

    Raises Invalid for a value of the wrong type.
    """
    kind: Any = cls
    try:
        decoded: T = _struct(kind, go or cls.__name__)(value)
    except Mismatch as mismatch:
        raise Invalid(mismatch.message()) from None
    return decoded


def kind_of(value: object) -> str:
    """Return what Go calls the kind of a JSON value."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "object" if isinstance(value, dict) else "array"


@functools.cache
def _struct(cls: Any, go: str) -> Decoder:
    exact = _fields(cls)
    folded = {name.casefold(): entry for name, entry in exact.items()}
    struct = go.rpartition(".")[2]

    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            raise Mismatch(kind_of(value), go)
        given = {}
        for key, item in value.items():
            entry = exact.get(key) or folded.get(key.casefold())
            if entry is None or item is None:
                continue
            attribute, name, decoder = entry
            try:
                given[attribute] = decoder(item)
            except Mismatch as mismatch:
                mismatch.found_in(struct, name)
                raise
        return cls(**given)

    return read


def _fields(cls: Any) -> dict[str, tuple[str, str, Decoder]]:
    hints = typing.get_type_hints(cls)
    table = {}
    for field in dataclasses.fields(cls):
        form = form_of(field)
        if form is not None:
            decoder = _decoder(hints[field.name], form.go)
            table[form.name] = (field.name, form.name, decoder)
    return table


def _decoder(hint: Any, go: str) -> Decoder:
    """Return what reads a value of the annotated type; `go` is the type in messages."""
    hint = _without_none(hint)
    if go == "strslice.StrSlice":
        return _words
    if go == "map[string]struct {}":
        return _names
    if hint is str:
        return functools.partial(_text, go)
    if hint is bool:
        return _flag
    if hint is int:
        return functools.partial(_number, go, *_RANGES.get(go, _INT64))
    if dataclasses.is_dataclass(hint):
        return _struct(typing.cast(Any, hint), go.lstrip("*"))
    return _collection(hint, go)


def _collection(hint: Any, go: str) -> Decoder:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    element_go = go.partition("]")[2]
    if origin is tuple and arguments[-1] is Ellipsis:
        return functools.partial(_array, go, _element(arguments[0], element_go))
    if origin is tuple:
        return functools.partial(_fixed, go, len(arguments), _element(arguments[0], element_go))
    if hint is Any:
        return lambda value: value
    return functools.partial(_map, go, _element(arguments[1], element_go))


def _element(hint: Any, go: str) -> Decoder:
    """Return what reads an element of a collection, where null is Go's zero value."""
    read = _decoder(hint, go.lstrip("*"))
    if type(None) in typing.get_args(hint):
        zero = None
    else:
        zero = typing.get_origin(hint) or hint
    return lambda value: (zero() if zero else None) if value is None else read(value)


def _without_none(hint: Any) -> Any:
    if typing.get_origin(hint) not in (types.UnionType, typing.Union):
        return hint
    return next(part for part in typing.get_args(hint) if part is not type(None))


def _text(go: str, value: Any) -> str:
    if not isinstance(value, str):
        raise Mismatch(kind_of(value), go)
    # A lone surrogate ("\ud800") cannot be encoded again; Go reads it as U+FFFD.
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Mismatch(kind_of(value), "bool")
    return value


def _number(go: str, low: int, high: int, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Mismatch(kind_of(value), go)
    if isinstance(value, float) or not low <= value <= high:
        raise Mismatch(f"number {value}", go)
    return value


def _array(go: str, read: Decoder, value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise Mismatch(kind_of(value), go)
    return tuple([read(item) for item in value])


def _fixed(go: str, length: int, read: Decoder, value: Any) -> tuple[Any, ...]:
    """Read a Go array: what is missing is 0, what is too much is dropped."""
    items = _array(go, read, value)[:length]
    return items + (0,) * (length - len(items))


def _map(go: str, read: Decoder, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Mismatch(kind_of(value), go)
    return {_text("string", key): read(item) for key, item in value.items()}


def _names(value: Any) -> tuple[str, ...]:
    return tuple(_map("map[string]struct {}", lambda item: item, value))


def _words(value: Any) -> tuple[str, ...]:
    """Read strings, or one string (Docker's strslice.StrSlice)."""
    if isinstance(value, str):
        return (_text("string", value),)
    return _array("[]string", lambda item: "" if item is None else _text("string", item), value)
