"""Values as text, in the forms of Go's fmt package."""

from __future__ import annotations

import _json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_FLAGS = "+-# 0"
_WHOLE = "dxXobc"
_FRACTIONAL = "eEfFgG"


def is_true(value: Any) -> bool:
    """Go's truth: zero, empty and nil are false."""
    return bool(value)


def go_text(value: Any) -> str:
    """%v of a value as JSON gives it."""
    if isinstance(value, str):
        return value
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float_text(value)
    if isinstance(value, dict):
        rows = " ".join(f"{key}:{go_text(value[key])}" for key in sorted(value))
        return f"map[{rows}]"
    if isinstance(value, list):
        return f"[{' '.join(go_text(item) for item in value)}]"
    return str(value)


def _float_text(value: float) -> str:
    """%v of a float64: the shortest digits, an exponent from 1e21 on and below 1e-4."""
    if value == int(value) and abs(value) < 1e21:
        return str(int(value))
    return repr(value)


def printf(layout: str, *values: Any) -> str:
    """Go's Sprintf for %v %s %q %d %x %X %o %b %c %t %T %e %f %g %%, with flags and widths."""
    parts: list[str] = []
    rest = list(values)
    position = 0
    while (mark := layout.find("%", position)) >= 0:
        parts.append(layout[position:mark])
        flags, verb, position = _verb(layout, mark + 1)
        if verb == "%":
            parts.append("%")
        elif not verb:
            parts.append("%!(NOVERB)")
        elif not rest:
            parts.append(f"%!{verb}(MISSING)")
        else:
            parts.append(_formatted(flags, verb, rest.pop(0)))
    parts.append(layout[position:])
    if rest:
        extra = ", ".join(f"{_kind(value)}={go_text(value)}" for value in rest)
        parts.append(f"%!(EXTRA {extra})")
    return "".join(parts)


def _verb(layout: str, start: int) -> tuple[str, str, int]:
    end = start
    while end < len(layout) and (
        layout[end] in _FLAGS or layout[end].isdigit() or layout[end] == "."
    ):
        end += 1
    return layout[start:end], layout[end : end + 1], end + 1


def _formatted(flags: str, verb: str, value: Any) -> str:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if verb in _WHOLE and isinstance(value, int) and number:
        return _other_base(flags, verb, value) if verb in "bc" else _c_format(flags, verb, value)
    if verb in _FRACTIONAL and number:
        return _c_format(flags, verb, value)
    texts = {
        "v": go_text,
        "s": go_text,
        "q": lambda v: _json.encode_basestring(go_text(v)),
        "x": lambda v: go_text(v).encode().hex(),
        "X": lambda v: go_text(v).encode().hex().upper(),
        "t": go_text,
        "T": _kind,
    }
    if verb not in texts or (verb == "t" and not isinstance(value, bool)):
        return f"%!{verb}({_kind(value)}={go_text(value)})"
    return _padded(flags, texts[verb](value))


def _c_format(flags: str, verb: str, value: float) -> str:
    text: str = f"%{flags}{verb}" % value
    return text


def _padded(flags: str, text: str) -> str:
    signs = flags.replace("0", "", 1) if flags[:1] == "0" else flags
    padded: str = f"%{signs.replace('#', '').replace('+', '')}s" % text
    return padded


def _other_base(flags: str, verb: str, value: int) -> str:
    return _padded(flags, chr(value) if verb == "c" else f"{value:b}")


def _kind(value: Any) -> str:
    names = {bool: "bool", int: "int", float: "float64", str: "string", list: "[]interface {}"}
    return "<nil>" if value is None else names.get(type(value), "map[string]interface {}")
