"""The Date header, worked out once a second."""

from __future__ import annotations

import functools
import time
from email.utils import formatdate


def http_date() -> bytes:
    """Return the present time as HTTP writes it (RFC 9110, 5.6.7)."""
    return _formatted(int(time.time()))


@functools.lru_cache(maxsize=1)
def _formatted(second: int) -> bytes:
    return formatdate(second, usegmt=True).encode()
