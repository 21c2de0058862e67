"""JSON in and out with the C parts of the standard library's `json`, without its import.

`json` itself pulls in `re` and costs 7 ms, as much as starting the interpreter.
"""

from __future__ import annotations

import _json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class _Settings:
    """What the C scanner asks its decoder for (json/scanner.py)."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float

    def __init__(self) -> None:
        self.memo: dict[str, str] = {}


def loads(text: str) -> Any:
    """The value of a JSON text; ValueError when it is none, or something follows it."""
    start = len(text) - len(text.lstrip(" \t\r\n"))
    try:
        value, end = _json.make_scanner(_Settings())(text, start)  # type: ignore[arg-type]
    except StopIteration as stop:
        raise ValueError(f"invalid JSON at character {stop.value}") from None
    if text[end:].strip(" \t\r\n"):
        raise ValueError(f"invalid JSON: something follows the value at character {end}")
    return value


def read(path: str) -> Any:
    """The value in a file. Raises OSError, or ValueError with the path in its text."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    try:
        return loads(text)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def dumps(value: Any) -> str:
    """Compact JSON; TypeError for what JSON has no form for."""
    encoder = _json.make_encoder(
        None, _refuse, _json.encode_basestring_ascii, None, ":", ",", False, False, False
    )
    return "".join(encoder(value, 0))


def pretty(value: Any, indent: str = "  ", margin: str = "\n") -> str:
    """JSON for humans, as Go's MarshalIndent writes it."""
    inner = margin + indent
    if isinstance(value, dict) and value:
        rows = [f"{dumps(str(key))}: {pretty(item, indent, inner)}" for key, item in value.items()]
        return "{" + inner + f",{inner}".join(rows) + margin + "}"
    if isinstance(value, list) and value:
        return (
            "[" + inner + f",{inner}".join(pretty(i, indent, inner) for i in value) + margin + "]"
        )
    return dumps(value)


def _refuse(value: object) -> Any:
    raise TypeError(f"{type(value).__name__} has no form in JSON")
