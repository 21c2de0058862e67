"""The event loop: level-triggered epoll over whatever has a `ready` method."""

from __future__ import annotations

import sys
from select import EPOLL_CLOEXEC, EPOLLIN, epoll

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Watched(Protocol):
        """An owner of descriptors."""

        def ready(self, fd: int, events: int) -> None:
            """Something happened on `fd`; must not block, and may be told in vain.

            In vain: a number can be closed and used again between the kernel's report and this
            call.
            """


class Loop:
    """Tells owners of descriptors what happens on them, each once a round, so that none starves."""

    __slots__ = ("_epoll", "_stopped", "_watched")

    def __init__(self) -> None:
        self._epoll = epoll(flags=EPOLL_CLOEXEC)
        self._watched: dict[int, Watched] = {}
        self._stopped = False

    def watch(self, fd: int, owner: Watched, events: int = EPOLLIN) -> None:
        """Report `events` on `fd` to `owner` (hang-up and error always)."""
        if fd in self._watched:
            self._epoll.modify(fd, events)
        else:
            self._epoll.register(fd, events)
        self._watched[fd] = owner

    def forget(self, fd: int) -> None:
        """Report nothing more about `fd`; call it before closing. Idempotent."""
        if self._watched.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def stop(self) -> None:
        """Let `run` return after the present round."""
        self._stopped = True

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped

    def round(self, timeout: float) -> int:
        """Wait at most `timeout` seconds (-1: for good), then serve what is ready; how many."""
        ready = self._epoll.poll(timeout, 64)
        for fd, events in ready:
            owner = self._watched.get(fd)
            if owner is not None:
                self._serve(owner, fd, events)
        return len(ready)

    def _serve(self, owner: Watched, fd: int, events: int) -> None:
        try:
            owner.ready(fd, events)
        except Exception:  # noqa: BLE001 - one container's trouble must not end all the others
            sys.excepthook(*sys.exc_info())
            self.forget(fd)  # or it would be ready again at once, for ever
