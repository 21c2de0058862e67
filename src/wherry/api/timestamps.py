"""Times as Go prints them, and durations as people read them."""

from __future__ import annotations

import time
from typing import Final

_BILLION: Final = 1_000_000_000
ZERO: Final = "0001-01-01T00:00:00Z"
"""What Go prints for a time that was never set."""


def rfc3339_nano(moment: int | None) -> str:
    """Return nanoseconds since the epoch in UTC, the fraction without trailing zeros.

    0 and None are "never" (Go's time.RFC3339Nano of the zero time).
    """
    if not moment:
        return ZERO
    seconds, fraction = divmod(moment, _BILLION)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    if not fraction:
        return text + "Z"
    return f"{text}.{fraction:09d}".rstrip("0") + "Z"


def rfc3339_seconds(moment: int) -> str:
    """Return nanoseconds since the epoch in UTC, whole seconds (Go's time.RFC3339)."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment // _BILLION))


_STEPS: Final = (
    # below so many seconds: words for one, unit in seconds, name of the unit
    (60, "1 second", 1, "seconds"),
    (3600, "About a minute", 60, "minutes"),
)


def human_duration(seconds: float) -> str:
    """Return "5 minutes", "About an hour"..., as `docker ps` says it (go-units, HumanDuration)."""
    if seconds < 1:
        return "Less than a second"
    for limit, one, unit, name in _STEPS:
        if seconds < limit:
            count = int(seconds // unit)
            return one if count == 1 else f"{count} {name}"
    hours = int(seconds / 3600 + 0.5)
    if hours == 1:
        return "About an hour"
    for limit, divisor, name in _LONG:
        if hours < limit:
            return f"{hours // divisor} {name}"
    return f"{int(seconds / 3600) // 24 // 365} years"


_LONG: Final = (
    (48, 1, "hours"),
    (24 * 7 * 2, 24, "days"),
    (24 * 30 * 2, 24 * 7, "weeks"),
    (24 * 365 * 2, 24 * 30, "months"),
)
