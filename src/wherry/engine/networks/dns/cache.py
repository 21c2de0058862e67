"""Answers that say no, kept for a moment (RFC 2308)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")

LONGEST: Final = 5.0
"""Seconds that a negative answer is kept at most: whoever has just made a name does not wait."""
UNTOLD: Final = 1.0
"""Seconds for an answer that does not tell how long it holds."""
MOST: Final = 256


class NegativeCache(Generic[T]):
    """Negative answers by question, at most `MOST`, the oldest goes first."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: OrderedDict[object, tuple[float, T]] = OrderedDict()

    def get(self, key: object) -> T | None:
        """The answer if it still holds."""
        until, value = self._kept.get(key, (0.0, None))
        if value is not None and until <= self._clock():
            del self._kept[key]
            return None
        return value

    def put(self, key: object, value: T, ttl: int | None) -> None:
        """Keep an answer for as long as it says, within bounds; a TTL of 0 is not kept."""
        seconds = UNTOLD if ttl is None else min(float(ttl), LONGEST)
        if seconds <= 0:
            return
        self._kept.pop(key, None)
        self._kept[key] = (self._clock() + seconds, value)
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)

    def clear(self) -> None:
        """Forget everything: other servers are asked from now on."""
        self._kept.clear()
