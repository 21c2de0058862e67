"""When to try again: attempts that grow apart, with jitter, unless the registry names a time."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from wherry.registry.refusals import Temporary

if TYPE_CHECKING:
    from wherry.registry.cancellation import Cancellation

LONGEST_WAIT: Final = 600.0  # seconds; a registry that asks for more is given up, and says so
PROGRESS: Final = 64 << 10  # bytes that make a failed attempt worth its while
_Result = TypeVar("_Result")
Told = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Backoff:
    """`attempts` in all; the first retry waits `first` seconds, each next twice that."""

    attempts: int = 5
    first: float = 1.0
    longest: float = 30.0

    def delay(self, failed: int, error: Temporary, random_part: float | None = None) -> float:
        """Seconds to wait after so many failed attempts (at least 1).

        What the registry asked for is kept to, plus jitter. Raises the error itself when the
        registry asks for more than `LONGEST_WAIT`. `random_part` is 0 to 1, for tests.
        """
        part = random.random() if random_part is None else random_part
        if error.delay is not None:
            if error.delay > LONGEST_WAIT:
                raise _too_long(error)
            return error.delay + part * min(1.0, self.first)
        return float(min(self.longest, self.first * 2.0 ** (failed - 1)) * (0.5 + part / 2))


def _too_long(error: Temporary) -> Temporary:
    wait = f"it asks to wait {error.delay:.0f} s"
    return Temporary(f"{error.message} ({wait})", hint=error.hint, delay=error.delay)


class Persistence:
    """Counts attempts in a row that brought nothing, and waits between attempts."""

    def __init__(self, backoff: Backoff, cancellation: Cancellation, told: Told) -> None:
        """`told` hears of each wait before it begins: seconds and reason."""
        self._backoff = backoff
        self._cancellation = cancellation
        self._told = told
        self._failed = 0

    def failed(self, error: Temporary, *, progressed: bool = False) -> None:
        """Wait for the next attempt; raises the error if there is none left, or Cancelled."""
        self._failed = 1 if progressed else self._failed + 1
        if self._failed >= self._backoff.attempts:
            raise error
        seconds = self._backoff.delay(self._failed, error)
        self._told(seconds, error.message)
        self._cancellation.sleep(seconds)


def persist(work: Callable[[], _Result], backoff: Backoff, cancellation: Cancellation) -> _Result:
    """The result of `work`, tried again while it raises Temporary and attempts are left."""
    persistence = Persistence(backoff, cancellation, lambda seconds, reason: None)
    while True:
        try:
            return work()
        except Temporary as error:
            persistence.failed(error)
