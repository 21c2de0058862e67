"""Things to do at a later time, for a loop with very few of them."""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Chore:
    """An action that can be put off: `after` sets the alarm, unless an earlier one is set."""

    __slots__ = ("_action", "due")

    def __init__(self) -> None:
        self.due: float | None = None  # on the monotonic clock
        self._action: Callable[[], None] | None = None

    def does(self, action: Callable[[], None]) -> None:
        """Say what is to be done."""
        self._action = action

    def after(self, seconds: float) -> None:
        """Do it in so many seconds, or earlier if that was asked before."""
        due = time.monotonic() + seconds
        self.due = due if self.due is None else min(self.due, due)

    def cancel(self) -> None:
        """Do not do it."""
        self.due = None

    def run(self) -> None:
        """Do it now."""
        self.due = None
        if self._action is not None:
            self._action()


def timeout(chores: Iterable[Chore]) -> float:
    """Seconds until the next chore, -1 when there is none (as epoll_wait has it)."""
    dues = [chore.due for chore in chores if chore.due is not None]
    return max(min(dues) - time.monotonic(), 0.0) if dues else -1


def run_due(chores: Iterable[Chore]) -> None:
    """Do everything whose time has come."""
    now = time.monotonic()
    for chore in chores:
        if chore.due is not None and chore.due <= now:
            chore.run()
