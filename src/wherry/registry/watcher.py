"""Who follows a transfer."""

from __future__ import annotations

from typing import Protocol


class Watcher(Protocol):
    """Is told how one download or upload goes; called from worker threads, must be quick."""

    def advanced(self, done: int) -> None:
        """So many bytes of the whole are there (resumed ones included)."""
        ...

    def retrying(self, seconds: float, reason: str) -> None:
        """The attempt failed; the next begins in so many seconds."""
        ...
