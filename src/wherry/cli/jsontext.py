"""JSON with the C scanner and encoder that the `json` package itself uses, without that package.

Importing `json` costs 7 ms (it pulls in `re`), more than a whole `wherry ps`.
"""

from __future__ import annotations

import _json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class _Settings:
    """What `json.JSONDecoder` would tell the scanner."""

    strict = False
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float
    memo: dict[str, Any] = {}


def _refuse(value: object) -> Any:
    raise TypeError(f"not JSON: {type(value).__name__}")


_scan = _json.make_scanner(_Settings())  # type: ignore[arg-type]
_encode = _json.make_encoder(
    None, _refuse, _json.encode_basestring, None, ":", ",", False, False, True
)


def decode(text: bytes | str) -> Any:
    """The value that `text` begins with. ValueError when it is not JSON."""
    return decode_first(text)[0]


def decode_first(text: bytes | str, start: int = 0) -> tuple[Any, int]:
    """The first value of a sequence of them, and the position behind it."""
    plain = text if isinstance(text, str) else text.decode("utf-8", "replace")
    while start < len(plain) and plain[start] in " \t\r\n":
        start += 1
    try:
        value, end = _scan(plain, start)
    except StopIteration as stop:
        raise ValueError(f"not JSON at character {stop.value}") from None
    return value, end


def encode(value: object) -> str:
    """Compact JSON, keys in the order they have."""
    return "".join(_encode(value, 0))


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
    if isinstance(value, list) and value:
        items = (encode_pretty(item, indent, depth + 1) for item in value)
        return f"[{inner}{f',{inner}'.join(items)}{outer}]"
    return encode(value)
