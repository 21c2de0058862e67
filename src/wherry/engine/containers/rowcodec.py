"""Frozen values as JSON text for the database, and back.

Only fields that differ from their default are written, under their Python names, so that rows stay
short (a default container is under 1 KB), and a field that is added later reads as its default from
an old row. A field that was dropped later is ignored.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import types
from collections.abc import Mapping
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

_compact = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def dump(value: Any) -> str:
    """The JSON text of a dataclass instance."""
    return _compact(_plain(value))


def load(cls: type[T], text: str) -> T:
    """The instance of `cls` that `dump` wrote. Raises ValueError or TypeError for other text."""
    built: T = _build(cls, json.loads(text))
    return built


_SCALARS = frozenset((str, int, bool, type(None), float))


def _plain(value: Any) -> Any:
    if type(value) in _SCALARS:
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            name: _plain(item)
            for name, default in _fields(type(value))
            if (item := getattr(value, name)) != default
        }
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return value


def _build(hint: Any, value: Any) -> Any:
    """Give plain JSON the shape that the annotation `hint` asks for."""
    if value is None:
        return None
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _build(next(arg for arg in get_args(hint) if arg is not type(None)), value)
    if origin is tuple:
        return _build_tuple(get_args(hint), value)
    if origin is not None and issubclass(origin, Mapping):
        item = get_args(hint)[1]
        return {key: _build(item, entry) for key, entry in value.items()}
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        hints = _hints(hint)
        return hint(**{k: _build(hints[k], v) for k, v in value.items() if k in hints})
    return value


def _build_tuple(args: tuple[Any, ...], value: list[Any]) -> tuple[Any, ...]:
    if len(args) == 2 and args[1] is Ellipsis:
        return tuple(_build(args[0], item) for item in value)
    return tuple(_build(arg, item) for arg, item in zip(args, value, strict=True))


@functools.cache
def _fields(cls: type) -> tuple[tuple[str, Any], ...]:
    """Name and default of each field; MISSING (which equals nothing) where there is none."""
    return tuple((field.name, field.default) for field in dataclasses.fields(cls))


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)
