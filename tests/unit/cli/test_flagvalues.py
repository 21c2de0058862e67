"""Values of flags, as Go and docker read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.cli import flagvalues


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("0", 0),
        ("32", 32),
        ("32b", 32),
        ("1k", 1024),
        ("1.5k", 1536),
        ("2KB", 2048),
        ("2KiB", 2048),
        ("5m", 5 << 20),
        ("1 g", 1 << 30),
        ("1T", 1 << 40),
    ],
)
def test_sizes(text: str, count: int) -> None:
    assert flagvalues.size(text) == count


@pytest.mark.parametrize("text", ["", "x", "-1", "k", "1..5"])
def test_bad_sizes(text: str) -> None:
    with pytest.raises(ValueError, match="invalid size"):
        flagvalues.size(text)


def test_bad_suffix() -> None:
    with pytest.raises(ValueError, match="invalid suffix: 'q'"):
        flagvalues.size("1q")


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0", 0),
        ("1s", 10**9),
        ("1.5s", 1_500_000_000),
        ("1h15m30.5s", (3600 + 900 + 30) * 10**9 + 500_000_000),
        ("-250ms", -250_000_000),
        ("3µs", 3000),
        ("2us", 2000),
    ],
)
def test_durations(text: str, nanoseconds: int) -> None:
    assert flagvalues.duration(text) == nanoseconds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x", 'time: invalid duration "x"'),
        ("", 'time: invalid duration ""'),
        ("5", 'time: missing unit in duration "5"'),
        ("5q", 'time: unknown unit "q" in duration "5q"'),
    ],
)
def test_bad_durations(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        flagvalues.duration(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "value"), [("1", 10**9), ("1.5", 15 * 10**8), (".25", 25 * 10**7)]
)
def test_decimals(text: str, value: int) -> None:
    assert flagvalues.decimal(text) == value


def test_decimals_have_nine_digits() -> None:
    with pytest.raises(ValueError, match="too precise"):
        flagvalues.decimal("1.0000000001")
    assert flagvalues.decimal("1.0000000010") == 10**9 + 1


@given(st.integers(-(2**63), 2**63 - 1))
def test_every_integer_reads_back(number: int) -> None:
    assert flagvalues.integer(str(number)) == number


@given(st.text(max_size=8))
def test_converters_raise_nothing_else(text: str) -> None:
    for convert in flagvalues.CONVERTERS.values():
        try:
            convert(text)
        except ValueError:
            continue
