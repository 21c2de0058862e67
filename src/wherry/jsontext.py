"""JSON with the C scanner and encoders that the `json` package itself uses, without that package.

Importing `json` costs 7 ms (it pulls in `re`), as much as starting the interpreter and more than a
whole `wherry ps`. For programs that live for one command: the daemon uses `json`.
"""

from __future__ import annotations

import _json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SPACE = " \t\r\n"


class _Settings:
    """What the C scanner asks its decoder for (json/scanner.py)."""

    strict = False
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float

    def __init__(self) -> None:
        self.memo: dict[str, str] = {}


def decode(text: bytes | str) -> Any:
    """The value of a JSON text; ValueError when it is none, or something follows it."""
    plain = _plain(text)
    value, end = decode_first(plain)
    if plain[end:].strip(_SPACE):
        raise ValueError(f"invalid JSON: something follows the value at character {end}")
    return value


def decode_first(text: bytes | str, start: int = 0) -> tuple[Any, int]:
    """The first value of a sequence of them, and the position behind it."""
    plain = _plain(text)
    while start < len(plain) and plain[start] in _SPACE:
        start += 1
    try:
        value, end = _json.make_scanner(_Settings())(plain, start)  # type: ignore[arg-type]
    except StopIteration as stop:
        raise ValueError(f"invalid JSON at character {stop.value}") from None
    return value, end


def read(path: str) -> Any:
    """The value in a file. Raises OSError, or ValueError with the path in its text."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    try:
        return decode(text)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def encode(value: object) -> str:
    """Compact JSON, keys in the order they have; TypeError for what JSON has no form for."""
    return "".join(_encoder(_json.encode_basestring)(value, 0))


def encode_ascii(value: object) -> str:
    """The same with everything beyond ASCII escaped: also names that are no valid UTF-8."""
    return "".join(_encoder(_json.encode_basestring_ascii)(value, 0))


def encode_pretty(value: object, indent: str = "    ", depth: int = 0) -> str:
    """JSON over several lines, as Go's json.MarshalIndent sets it."""
    inner = "\n" + indent * (depth + 1)
    outer = "\n" + indent * depth
    if isinstance(value, dict) and value:
        rows = (
            f"{_json.encode_basestring(str(key))}: {encode_pretty(item, indent, depth + 1)}"
            for key, item in value.items()
        )
        return f"{{{inner}{f',{inner}'.join(rows)}{outer}}}"
    if isinstance(value, list | tuple) and value:
        items = (encode_pretty(item, indent, depth + 1) for item in value)
        return f"[{inner}{f',{inner}'.join(items)}{outer}]"
    return encode(value)


def _plain(text: bytes | str) -> str:
    return text if isinstance(text, str) else text.decode("utf-8", "replace")


def _encoder(string: Any) -> Any:
    return _json.make_encoder(None, _refuse, string, None, ":", ",", False, False, True)


def _refuse(value: object) -> Any:
    raise TypeError(f"{type(value).__name__} has no form in JSON")
