"""Times as Go prints them, durations as people read them, values of a query."""

from __future__ import annotations

import pytest

from wherry.api.query import Query
from wherry.api.timestamps import human_duration, rfc3339_nano
from wherry.errors import Invalid

HOUR = 3600
DAY = 24 * HOUR


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "Less than a second"),
        (1.9, "1 second"),
        (59.9, "59 seconds"),
        (60, "About a minute"),
        (119, "About a minute"),
        (120, "2 minutes"),
        (59 * 60 + 59, "59 minutes"),
        (HOUR, "About an hour"),
        (1.6 * HOUR, "2 hours"),
        (47 * HOUR, "47 hours"),
        (2 * DAY, "2 days"),
        (13 * DAY, "13 days"),
        (14 * DAY, "2 weeks"),
        (60 * DAY, "2 months"),
        (729 * DAY, "24 months"),
        (731 * DAY, "2 years"),
        (-5, "Less than a second"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert human_duration(seconds) == text


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (None, "0001-01-01T00:00:00Z"),
        (0, "0001-01-01T00:00:00Z"),
        (1_000_000_000, "1970-01-01T00:00:01Z"),
        (1_700_000_000_120_000_000, "2023-11-14T22:13:20.12Z"),
        (1_700_000_000_000_000_001, "2023-11-14T22:13:20.000000001Z"),
    ],
)
def test_times(moment: int | None, text: str) -> None:
    assert rfc3339_nano(moment) == text


@pytest.mark.parametrize(
    ("value", "flag"),
    [("1", True), ("true", True), ("yes", True), ("x", True), ("", False), ("0", False),
     ("False", False), (" no ", False), ("none", False)],
)  # fmt: skip
def test_flags(value: str, flag: bool) -> None:
    assert Query(f"a={value}").flag("a") is flag


def test_values() -> None:
    query = Query("a=1&a=2&b=%2Fx+y&t=3.5&n=")
    assert query.all("a") == ["1", "2"] and query.text("a") == "1"
    assert query.text("b") == "/x y" and query.has("n") and not query.has("z")
    assert query.timestamp("t") == 3_500_000_000
    assert query.integer("n") is None and query.flag("z", default=True)
    for bad in ("%", "a=%g1", "a=%2"):
        with pytest.raises(Invalid):
            Query(bad)
    for name in ("b",):
        with pytest.raises(Invalid):
            query.integer(name)
        with pytest.raises(Invalid):
            query.timestamp(name)
