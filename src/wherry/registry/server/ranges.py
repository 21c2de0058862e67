"""Byte ranges: what a client wants of a blob, and where a chunk of an upload belongs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from wherry.registry.server.errors import RegistryError

_WANTED: Final = re.compile(r"bytes=\s*(\d*)-(\d*)\s*", re.IGNORECASE)
_CHUNK: Final = re.compile(r"(?:bytes[ =])?(\d{1,18})-(\d{1,18})(?:/(?:\d+|\*))?")
_DIGITS: Final = 18


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes from `start` to `end`, both included."""

    start: int
    end: int

    @property
    def length(self) -> int:
        """How many bytes that is."""
        return self.end - self.start + 1


def wanted(header: str, size: int) -> Span | None:
    """The part of `size` bytes that a Range header asks for; None means all of it.

    Several ranges, other units and broken syntax are ignored, as RFC 9110 (14.2) lets a server.
    Raises RegistryError (416) when no byte of the range exists (15.5.17).
    """
    match = _WANTED.fullmatch(header.strip())
    if match is None or len(match[1]) > _DIGITS or len(match[2]) > _DIGITS:
        return None
    first, last = match[1], match[2]
    if not first and not last:
        return None
    if not first:
        start, end = max(0, size - int(last)), size - 1
    else:
        start, end = int(first), min(int(last or size), size - 1)
    if start > end:
        raise RegistryError(
            "UNSUPPORTED",
            f"range {header!r} is outside of a blob of {size} bytes",
            status=416,
            headers={"Content-Range": f"bytes */{size}"},
        )
    return Span(start, end)


def chunk(header: str) -> Span | None:
    """Where a chunk belongs by its Content-Range; None without one.

    The specification's form is `0-99`; `bytes 0-99/100` is accepted too, since clients that follow
    RFC 9110 send it. Raises RegistryError: BLOB_UPLOAD_INVALID.
    """
    if not header:
        return None
    match = _CHUNK.fullmatch(header.strip())
    if match is None or int(match[1]) > int(match[2]):
        raise RegistryError(
            "BLOB_UPLOAD_INVALID", f"invalid Content-Range {header[:200]!r}: expected first-last"
        )
    return Span(int(match[1]), int(match[2]))
