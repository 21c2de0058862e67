"""Points in time: RFC 3339 from the API, and what people type for --since and --until."""

from __future__ import annotations

import time

from wherry.cli.flagvalues import duration

# Days from 1970-01-01, by the civil-calendar arithmetic that datetime would cost 3 ms to import.
_MONTH_STARTS = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)
_TIME_FORMATS = (
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%dT%H",
    "%Y-%m-%d",
)


def _days(year: int, month: int, day: int) -> int:
    leaps = year - (month <= 2)
    since = leaps // 4 - leaps // 100 + leaps // 400 - 477
    return (year - 1970) * 365 + since + _MONTH_STARTS[month - 1] + day - 1


def parse_rfc3339(text: str) -> float:
    """Seconds since the epoch. ValueError when `text` is not an RFC 3339 time.

    The zero time of Go, `0001-01-01T00:00:00Z`, comes out far below zero.
    """
    date, mark, clock = text.partition("T")
    if not mark:
        raise ValueError(f"not a time: {text!r}")
    clock, offset = _split_zone(clock)
    whole, _, fraction = clock.partition(".")
    year, month, day = (int(part) for part in date.split("-"))
    hour, minute, second = (int(part) for part in whole.split(":"))
    seconds = ((_days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second - offset
    return seconds + (int(fraction) / 10 ** len(fraction) if fraction else 0.0)


def _split_zone(clock: str) -> tuple[str, int]:
    if clock.endswith("Z"):
        return clock[:-1], 0
    if len(clock) > 6 and clock[-6] in "+-":
        sign = -1 if clock[-6] == "-" else 1
        return clock[:-6], sign * (int(clock[-5:-3]) * 3600 + int(clock[-2:]) * 60)
    raise ValueError(f"no time zone in {clock!r}")


def is_zero(text: str) -> bool:
    """Whether this is Go's zero time, the API's word for never."""
    return not text or text.startswith("0001-01-01")


def local_text(seconds: float, layout: str = "%Y-%m-%d %H:%M:%S %z %Z") -> str:
    """The time on this machine's clock, as `docker ps` prints CreatedAt."""
    return time.strftime(layout, time.localtime(seconds))


def query_time(text: str, now: float) -> str:
    """What the API takes for --since and --until, from what people type.

    A span (`10m`) counts back from `now`; a date without zone is local; a number stays as it is.
    Raises ValueError for anything else.
    """
    if not text:
        return ""
    if text.replace(".", "", 1).lstrip("-").isdigit():
        return text
    try:
        return f"{now - duration(text) / 1e9:.9f}"
    except ValueError:
        return _date(text)


def _date(text: str) -> str:
    if text.endswith("Z") or (len(text) > 6 and "T" in text and text[-6] in "+-"):
        return _with_nanoseconds(parse_rfc3339(_full_clock(text)), text)
    whole = text.partition(".")[0]
    for layout in _TIME_FORMATS:
        try:
            moment = time.mktime(time.strptime(whole, layout))
        except ValueError:
            continue
        return _with_nanoseconds(moment, text)
    raise ValueError(f'failed to parse value as time or duration: "{text}"')


def _full_clock(text: str) -> str:
    cut = -1 if text.endswith("Z") else -6
    date, _, clock = text[:cut].partition("T")
    return f"{date}T{clock or '00'}{':00' * (2 - clock.count(':'))}{text[cut:]}"


def _with_nanoseconds(seconds: float, text: str) -> str:
    fraction = text.partition(".")[2]
    digits = fraction[: next((n for n, c in enumerate(fraction) if not c.isdigit()), 9)]
    return f"{int(seconds // 1)}.{digits.ljust(9, '0')[:9]}"
