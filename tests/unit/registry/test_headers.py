"""Header fields of the distribution protocol."""

from __future__ import annotations

import pytest

from wherry.errors import Invalid
from wherry.registry import headers

URL = "https://host:5000/v2/a/tags/list?n=2"


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ('</v2/a/tags/list?n=2&last=b>; rel="next"', "https://host:5000/v2/a/tags/list?n=2&last=b"),
        ("<https://host:5000/x>; rel=next", "https://host:5000/x"),
        ('</p>; rel="prev", </n>; rel="next"', "https://host:5000/n"),
        ('</p>; rel="prev"', ""),
        ("", ""),
    ],
)
def test_next_page(link: str, expected: str) -> None:
    assert headers.next_page(link, URL) == expected


def test_content_range() -> None:
    assert headers.content_range("bytes 5-9/10") == (5, 10)
    assert headers.content_range("bytes 5-9/*") == (5, None)
    with pytest.raises(Invalid):
        headers.content_range("bytes */10")


@pytest.mark.parametrize(
    ("value", "expected"), [("0-0", 0), ("0-1023", 1024), ("bytes=0-9", 10), ("", 0), ("x", 0)]
)
def test_upload_offset(value: str, expected: int) -> None:
    assert headers.upload_offset(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("3", 3.0),
        ("Thu, 01 Jan 1970 00:01:00 GMT", 50.0),
        ("Thu, 01 Jan 1970 00:00:01 GMT", 0.0),
        ("soon", None),
        ("-1", None),
        ("", None),
    ],
)
def test_retry_after(value: str, expected: float | None) -> None:
    assert headers.retry_after(value, now=10.0) == expected
