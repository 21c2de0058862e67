"""Moments as users write them in filters: seconds since the epoch, a duration ago, a date."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

from wherry.errors import Invalid

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)(h|ms|m|us|µs|ns|s))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|us|µs|ns|s)")
_EPOCH = re.compile(r"\d+(\.\d{1,9})?")


def parse_moment(text: str) -> int:
    """`text` in nanoseconds since the epoch; a duration ("1h30m") is that long ago. Raises Invalid.

    Dates are RFC 3339, or parts of it ("2024-05-01"), in local time where no zone is given.
    """
    if _EPOCH.fullmatch(text):
        seconds, _, fraction = text.partition(".")
        return int(seconds) * 10**9 + int((fraction or "0").ljust(9, "0"))
    if _DURATION.fullmatch(text):
        ago = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
        return time.time_ns() - int(ago * 1e9)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(
            f"failed to parse value as time or duration: '{text}'",
            hint="write 10m, 2024-05-01T12:00:00 or seconds since the epoch",
        ) from None
    return int(moment.astimezone(UTC).timestamp()) * 10**9 + moment.microsecond * 1000
