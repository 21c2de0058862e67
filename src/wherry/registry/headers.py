"""Header fields of the distribution protocol as values. No I/O.

Sources: RFC 9110 (Content-Range, Retry-After), RFC 8288 (Link), OCI distribution spec v1.1 (upload
`Range`, `Location`, pagination).
"""

from __future__ import annotations

import re
import time
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin

from wherry.errors import Invalid

_NEXT = re.compile(r'<([^<>]*)>\s*;[^<]*?\brel\s*=\s*"?next"?(?:[\s;,]|$)', re.IGNORECASE)
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_UPLOAD_RANGE = re.compile(r"(?:bytes[= ])?(\d+)-(\d+)")


def next_page(link: str, url: str) -> str:
    """The URL of the next page that a `Link` header names, "" when this was the last."""
    match = _NEXT.search(link)
    return absolute(match[1], url) if match else ""


def absolute(location: str, url: str) -> str:
    """A location, possibly relative to the URL that answered, as a whole URL."""
    return urljoin(url, location)


def content_range(value: str) -> tuple[int, int | None]:
    """`Content-Range` -> (first byte, bytes of the whole or None). Raises Invalid."""
    match = _CONTENT_RANGE.fullmatch(value.strip())
    if match is None:
        raise Invalid(f"Content-Range {value!r} cannot be read")
    return int(match[1]), None if match[3] == "*" else int(match[3])


def upload_offset(value: str) -> int:
    """The `Range` header of an upload ("0-1023", both included) -> bytes that arrived.

    An upload without bytes says "0-0", which one byte would say too: it counts as none, and the
    byte is sent again (registries answer 416 then, and tell the true range).
    """
    match = _UPLOAD_RANGE.fullmatch(value.strip())
    if match is None:
        return 0
    last = int(match[2])
    return last + 1 if last else 0


def retry_after(value: str, now: float | None = None) -> float | None:
    """`Retry-After`, seconds or a date, as seconds from now, never negative; None if bad."""
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    return max(0.0, moment - (time.time() if now is None else now))
