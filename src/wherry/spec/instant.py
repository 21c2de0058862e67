"""Points in time as documents write them (RFC 3339, with nanoseconds) and as we count them.

We count nanoseconds since the epoch, UTC, as integers.
"""

from __future__ import annotations

import datetime
import re

from wherry.errors import Invalid

_SHAPE = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(Z|z|[+-]\d\d:\d\d)"
)
_EPOCH = datetime.datetime(1970, 1, 1)
ZERO = "0001-01-01T00:00:00Z"
"""Go's zero time, which stands for "never" in its documents."""


def parse(text: str) -> int:
    """RFC 3339 -> nanoseconds since the epoch (negative before it); raises Invalid."""
    match = _SHAPE.fullmatch(text)
    if match is None:
        raise Invalid(f"{text!r} is no RFC 3339 time")
    *date, fraction, zone = match.groups()
    try:
        moment = datetime.datetime(*(int(part) for part in date))  # type: ignore[arg-type]
    except ValueError as error:
        raise Invalid(f"{text!r} is no RFC 3339 time: {error}") from error
    elapsed = moment - _EPOCH
    seconds = elapsed.days * 86400 + elapsed.seconds - _offset(zone)
    return seconds * 10**9 + int((fraction or "0").ljust(9, "0")[:9])


def _offset(zone: str) -> int:
    """Seconds east of Greenwich."""
    if zone in "Zz":
        return 0
    seconds = int(zone[1:3]) * 3600 + int(zone[4:6]) * 60
    return -seconds if zone[0] == "-" else seconds


def format(nanoseconds: int) -> str:
    """Nanoseconds -> RFC 3339 in UTC, trailing zeros of the fraction left out, as Go writes it."""
    seconds, fraction = divmod(nanoseconds, 10**9)
    moment = _EPOCH + datetime.timedelta(seconds=seconds)
    digits = f".{fraction:09d}".rstrip("0") if fraction else ""
    return f"{moment.isoformat(timespec='seconds')}{digits}Z"
