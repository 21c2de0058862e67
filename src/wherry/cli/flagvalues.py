"""The kinds of flag values: one converter each, text in, value out, ValueError with Go's words."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_TRUE = frozenset(("1", "t", "T", "TRUE", "true", "True"))
_FALSE = frozenset(("0", "f", "F", "FALSE", "false", "False"))
_NANOSECONDS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_BINARY_POWERS = "kmgtp"


def boolean(text: str) -> bool:
    """Go's strconv.ParseBool."""
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise ValueError(f'strconv.ParseBool: parsing "{text}": invalid syntax')


def integer(text: str, *, low: int = -(1 << 63), high: int = (1 << 63) - 1) -> int:
    """Go's strconv.ParseInt with base 0: 0x, 0o, 0b and a leading 0 choose the base."""
    return _integer(text, "ParseInt", low, high)


def _integer(text: str, call: str, low: int, high: int) -> int:
    digits = text.lstrip("+-")
    try:
        value = int(text, 8) if digits[:1] == "0" and digits.isdigit() else int(text, 0)
    except ValueError:
        raise ValueError(f'strconv.{call}: parsing "{text}": invalid syntax') from None
    if text != text.strip() or (low == 0 and text[:1] in "+-"):
        raise ValueError(f'strconv.{call}: parsing "{text}": invalid syntax')
    if not low <= value <= high:
        raise ValueError(f'strconv.{call}: parsing "{text}": value out of range')
    return value


def unsigned16(text: str) -> int:
    """A whole number from 0 to 65535."""
    return _integer(text, "ParseUint", 0, (1 << 16) - 1)


def unsigned(text: str) -> int:
    """A whole number from 0 to 2**64 - 1."""
    return _integer(text, "ParseUint", 0, (1 << 64) - 1)


def decimal(text: str) -> int:
    """A decimal number such as `1.5`, as thousand-millionths (Docker's NanoCpus)."""
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text)
    whole, _, fraction = digits.partition(".")
    if not (whole + fraction).isdigit() or not (whole + fraction).isascii():
        raise ValueError(f"failed to parse {text} as a rational number")
    if fraction[9:].strip("0"):
        raise ValueError("value is too precise")
    return sign * (int(whole or "0") * 10**9 + int(fraction[:9].ljust(9, "0")))


def size(text: str) -> int:
    """Bytes: a number with an optional unit b, k, m, g, t, p (powers of 1024; `kb`, `KiB` too)."""
    number, unit = _split_unit(text)
    try:
        value = float(number)
    except ValueError:
        raise ValueError(f"invalid size: '{text}'") from None
    factor = _size_factor(unit)
    if not factor:
        raise ValueError(f"invalid suffix: '{unit}'")
    if value < 0:
        raise ValueError(f"invalid size: '{text}'")
    return int(value * factor)


def swap(text: str) -> int:
    """Like `size`; -1 means without limit."""
    return -1 if text == "-1" else size(text)


def _split_unit(text: str) -> tuple[str, str]:
    end = len(text)
    while end and not (text[end - 1].isdigit() or text[end - 1] == "."):
        end -= 1
    return text[:end], text[end:].strip().lower()


def _size_factor(unit: str) -> int:
    if unit in ("", "b"):
        return 1
    if unit[0] not in _BINARY_POWERS or unit[1:] not in ("", "b", "ib"):
        return 0
    return int(1024 ** (_BINARY_POWERS.index(unit[0]) + 1))


def duration(text: str) -> int:
    """Nanoseconds from Go's notation: `1h15m30.5s`, `-250ms`, `0`."""
    sign, rest = (-1, text[1:]) if text[:1] == "-" else (1, text.removeprefix("+"))
    if rest == "0":
        return 0
    total = 0
    bad = not rest
    while rest and not bad:
        number, unit, rest = _duration_part(rest)
        bad = not number.replace(".", "", 1).isdigit()
        if bad:
            break
        if unit not in _NANOSECONDS:
            problem = "unknown unit" if unit else "missing unit in"
            quoted = f'"{unit}" in duration' if unit else "duration"
            raise ValueError(f'time: {problem} {quoted} "{text}"')
        whole, _, fraction = number.partition(".")
        scale = _NANOSECONDS[unit]
        total += int(whole or "0") * scale + int(fraction or "0") * scale // 10 ** len(fraction)
    if bad:
        raise ValueError(f'time: invalid duration "{text}"')
    return sign * total


def _duration_part(text: str) -> tuple[str, str, str]:
    start = 0
    while start < len(text) and (text[start].isdigit() or text[start] == "."):
        start += 1
    end = start
    while end < len(text) and not (text[end].isdigit() or text[end] == "."):
        end += 1
    return text[:start], text[start:end], text[end:]


def mapping(text: str) -> list[str]:
    """One `key=value`, kept as it is."""
    if "=" not in text:
        raise ValueError(f"{text} must be formatted as key=value")
    return [text]


def condition(text: str) -> list[str]:
    """One filter, `name=value`; the name in lower case."""
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError("bad format of filter (expected name=value)")
    return [f"{name.strip().lower()}={value.strip()}"]


def _string(text: str) -> str:
    return text


def _one(text: str) -> list[str]:
    return [text]


def _commas(text: str) -> list[str]:
    return text.split(",")


CONVERTERS: dict[str, Callable[[str], Any]] = {
    "bool": boolean,
    "bytes": size,
    "decimal": decimal,
    "duration": duration,
    "filter": condition,
    "int": integer,
    "list": _one,
    "map": mapping,
    "string": _string,
    "strings": _commas,
    "swap": swap,
    "uint": unsigned,
    "uint16": unsigned16,
}
REPEATABLE = frozenset(("filter", "list", "map", "strings"))
EMPTY: dict[str, Any] = {
    "bool": False,
    "bytes": 0,
    "decimal": 0,
    "duration": 0,
    "filter": (),
    "int": 0,
    "list": (),
    "map": (),
    "string": "",
    "strings": (),
    "swap": 0,
    "uint": 0,
    "uint16": 0,
}
