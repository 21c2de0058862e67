"""Signals as bytes in a pipe, so that they are one more thing that the loop watches."""

from __future__ import annotations

import os
from _signal import SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, set_wakeup_fd, signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_ENDURED = (SIGHUP, SIGINT, SIGQUIT)  # a terminal's; the keeper has none, but may be sent them


class Signals:
    """Calls `on_child` when a child ended, `on_terminate` at SIGTERM; endures what it can.

    Handlers, not SIG_IGN: what is ignored would stay ignored in everything that the keeper
    executes, right into the containers.
    """

    def __init__(self, on_child: Callable[[], None], on_terminate: Callable[[], None]) -> None:
        self._on = {SIGCHLD: on_child, SIGTERM: on_terminate}
        self._read, write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        for number in (*self._on, *_ENDURED):
            signal(number, _nothing)
        set_wakeup_fd(write, warn_on_full_buffer=False)

    def fileno(self) -> int:
        """The descriptor to watch."""
        return self._read

    def ready(self, fd: int, events: int) -> None:
        """See `loop.Watched`."""
        for number in set(os.read(self._read, 512)):
            if number in self._on:
                self._on[number]()


def _nothing(number: int, frame: object) -> None:
    """The wake-up pipe has the news."""
