"""Functions of templates: Go's own and docker's additions."""

from __future__ import annotations

from wherry.cli.templates.fields import Fields
from wherry.cli.templates.printing import go_text, is_true, printf
from wherry.jsontext import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;"}


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        if isinstance(value, dict):
            value = value.get(key, _zero(value))
        elif isinstance(value, (list, str)):
            if not isinstance(key, int):
                raise ValueError(f"cannot index slice/array with type {_type_name(key)}")
            if not 0 <= key < len(value):
                raise ValueError(f"reflect: slice index out of range: {key}")
            value = ord(value[key]) if isinstance(value, str) else value[key]
        elif value is None:
            raise ValueError("index of untyped nil")
        else:
            raise ValueError(f"can't index item of type {_type_name(value)}")
    return value


def _zero(value: dict[str, Any]) -> Any:
    """What Go gives for a key that a map does not have: "" where all values are text."""
    return "" if all(isinstance(item, str) for item in value.values()) else None


def _json_text(value: Any) -> str:
    # Docker's lists pass through Go's default encoder, which keeps HTML's signs apart.
    text = encode(value)
    if isinstance(value, Fields):
        return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return text


def _slice(value: Any, *bounds: int) -> Any:
    return value[slice(*bounds[:2])] if len(bounds) > 1 else value[bounds[0] if bounds else 0 :]


def _length(value: Any) -> int:
    if value is None:
        return 0
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, (list, dict)):
        return len(value)
    raise ValueError(f"len of type {_type_name(value)}")


def _type_name(value: Any) -> str:
    names = {bool: "bool", int: "int", float: "float64", str: "string"}
    return names.get(type(value), "map[string]interface {}")


def _equal(first: Any, *others: Any) -> bool:
    if not others:
        raise ValueError("missing argument for comparison")
    for other in others:
        if isinstance(first, bool) is not isinstance(other, bool) and None not in (first, other):
            raise ValueError("incompatible types for comparison")
        if isinstance(first, str) is not isinstance(other, str) and None not in (first, other):
            raise ValueError("incompatible types for comparison")
    return any(first == other for other in others)


def _less(first: Any, second: Any) -> bool:
    try:
        return bool(first < second)
    except TypeError:
        raise ValueError("incompatible types for comparison") from None


def _print(*values: Any) -> str:
    """Go's Sprint: a space between neighbours when neither is text."""
    parts: list[str] = []
    for position, value in enumerate(values):
        before = values[position - 1] if position else ""
        if not isinstance(value, str) and not isinstance(before, str):
            parts.append(" ")
        parts.append(go_text(value))
    return "".join(parts)


def _split(text: str, separator: str) -> list[str]:
    return text.split(separator) if separator else list(text)


def _join(values: Any, separator: str) -> str:
    return separator.join(go_text(value) for value in values or [])


def _title(text: str) -> str:
    return "".join(
        char.upper() if not position or text[position - 1].isspace() else char
        for position, char in enumerate(text)
    )


def _pad(text: str, before: int, after: int) -> str:
    return f"{' ' * before}{text}{' ' * after}" if text else text


def _truncate(text: str, length: int) -> str:
    return text[:length]


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "eq": _equal,
    "ge": lambda first, second: not _less(first, second),
    "gt": lambda first, second: not _less(first, second) and first != second,
    "html": lambda *v: "".join(_HTML.get(char, char) for char in _print(*v)),
    "index": _index,
    "join": _join,
    "json": _json_text,
    "le": lambda first, second: _less(first, second) or first == second,
    "len": _length,
    "lower": lambda text: go_text(text).lower(),
    "lt": _less,
    "ne": lambda first, second: not _equal(first, second),
    "not": lambda value: not is_true(value),
    "pad": _pad,
    "print": _print,
    "printf": printf,
    "println": lambda *values: f"{' '.join(go_text(value) for value in values)}\n",
    "slice": _slice,
    "split": _split,
    "title": _title,
    "truncate": _truncate,
    "upper": lambda text: go_text(text).upper(),
}
