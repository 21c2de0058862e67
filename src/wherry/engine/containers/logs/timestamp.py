"""Log times as Docker writes and reads them: RFC 3339 with nanoseconds, always UTC."""

from __future__ import annotations

import time

NANOSECONDS = 1_000_000_000


def rfc3339nano(moment: int) -> str:
    """`moment` (nanoseconds since the epoch) as `2024-05-01T12:00:00.123456789Z`.

    Always nine digits, as Docker's logs have them, so that columns line up.
    """
    seconds, nanos = divmod(moment, NANOSECONDS)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{nanos:09d}Z"
