"""Numbers for people, in the words of docker's tables: sizes, spans of time, ids."""

from __future__ import annotations

_DECIMAL_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
_BINARY_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
SHORT_ID = 12

# (below this many seconds, length of the unit, its name); the first row that fits is taken.
# Docker goes on counting hours up to two days, days to two weeks, and so on.
_SPANS = (
    (1, 0, "Less than a second"),
    (2, 0, "1 second"),
    (60, 1, "seconds"),
    (120, 0, "About a minute"),
    (60 * 60, 60, "minutes"),
    (90 * 60, 0, "About an hour"),
    (48 * 3600, 3600, "hours"),
    (14 * 86400, 86400, "days"),
    (60 * 86400, 7 * 86400, "weeks"),
    (730 * 86400, 30 * 86400, "months"),
)


def span(seconds: float) -> str:
    """A span of time: `About an hour`, `3 days`. Negative spans are less than a second."""
    whole = int(seconds)
    for below, length, name in _SPANS:
        if seconds < below:
            count = _count(whole, length)
            return f"{count} {name}" if length else name
    return f"{whole // (365 * 86400)} years"


def _count(seconds: int, length: int) -> int:
    if length == 3600:
        return int(seconds / 3600 + 0.5)  # hours are rounded, all other units cut
    return seconds // length if length else 0


def size(count: float, digits: int = 3) -> str:
    """Bytes in powers of 1000 with `digits` significant digits: `4.26MB`."""
    return _scaled(count, 1000.0, _DECIMAL_UNITS, digits)


def binary_size(count: float) -> str:
    """Bytes in powers of 1024 with four significant digits: `7.757GiB`."""
    return _scaled(count, 1024.0, _BINARY_UNITS, 4)


def _scaled(count: float, base: float, units: tuple[str, ...], digits: int) -> str:
    index = 0
    while count >= base and index < len(units) - 1:
        count /= base
        index += 1
    return f"{_significant(count, digits)}{units[index]}"


def _significant(value: float, digits: int) -> str:
    """Go's %.{digits}g."""
    return f"{value:.{digits}g}"


def short_id(text: str) -> str:
    """The first twelve digits of an id, without `sha256:`."""
    return text.rpartition(":")[2][:SHORT_ID]


def ellipsis(text: str, width: int) -> str:
    """At most `width` characters, the last of them … when something was cut."""
    if len(text) <= width:
        return text
    return text[: width - 1] + "…" if width > 1 else text[:width]
