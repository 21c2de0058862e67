"""Numbers, times and tables as text."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.cli import tables, timestamps, units
from wherry.cli.ports import port_list


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-5, "Less than a second"),
        (0.5, "Less than a second"),
        (1, "1 second"),
        (59, "59 seconds"),
        (60, "About a minute"),
        (150, "2 minutes"),
        (3600, "About an hour"),
        (5400, "2 hours"),
        (47 * 3600, "47 hours"),
        (48 * 3600, "2 days"),
        (13 * 86400, "13 days"),
        (14 * 86400, "2 weeks"),
        (60 * 86400, "2 months"),
        (730 * 86400, "2 years"),
    ],
)
def test_spans(seconds: float, expected: str) -> None:
    assert units.span(seconds) == expected


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, "0B"), (999, "999B"), (1000, "1kB"), (1982000, "1.98MB"), (124_000_000, "124MB")],
)
def test_sizes(count: int, expected: str) -> None:
    assert units.size(count) == expected


def test_binary_sizes() -> None:
    assert units.binary_size(25275555840) == "23.54GiB"


def test_columns_are_as_wide_as_they_need() -> None:
    assert tables.align(["A\tB\tC", "longer than ten\tx\tlast"]) == (
        "A                 B         C\nlonger than ten   x         last\n"
    )


def test_a_column_ends_where_a_line_lacks_it() -> None:
    assert tables.align(["a\tb", "x", "cccccccccccc\td"]) == ("a         b\nx\ncccccccccccc   d\n")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0.0),
        ("2026-11-23T19:23:38Z", 1795461818.0),
        ("2024-02-29T12:00:00+02:00", 1709200800.0),
        ("2000-03-01T00:00:00.5Z", 951868800.5),
    ],
)
def test_rfc3339(text: str, seconds: float) -> None:
    assert timestamps.parse_rfc3339(text) == seconds


@given(st.integers(0, 4_000_000_000))
def test_every_second_reads_back(seconds: int) -> None:
    text = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
    assert timestamps.parse_rfc3339(text) == seconds


def test_times_that_people_type() -> None:
    assert timestamps.query_time("10m", 1000.0) == "400.000000000"
    assert timestamps.query_time("1234.5", 0.0) == "1234.5"
    assert timestamps.query_time("", 0.0) == ""
    assert timestamps.query_time("1970-01-01T00:00:05.25Z", 0.0) == "5.250000000"
    assert timestamps.query_time("1970-01-01T00:01Z", 0.0) == "60.000000000"
    with pytest.raises(ValueError, match="failed to parse value as time or duration"):
        timestamps.query_time("yesterday", 0.0)


def test_ports() -> None:
    ports = [
        {"PrivatePort": 443, "Type": "tcp"},
        {"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
        {"IP": "::", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
        {"PrivatePort": 444, "Type": "tcp"},
    ]
    assert port_list(ports) == "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp, 443-444/tcp"
