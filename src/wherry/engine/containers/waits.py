"""Who waits for a container's end, and for what: Docker's wait conditions.

A wait is registered by a plain call, so that nothing can slip between asking and waiting; its
future is resolved by the transition itself.
"""

from __future__ import annotations

import asyncio
from typing import Final

from wherry.engine.values.containers import WaitAnswer
from wherry.errors import Invalid

NOT_RUNNING: Final = "not-running"
NEXT_EXIT: Final = "next-exit"
REMOVED: Final = "removed"
CONDITIONS: Final = (NOT_RUNNING, NEXT_EXIT, REMOVED)


class Waits:
    """The pending waits of one container."""

    def __init__(self) -> None:
        self._pending: dict[str, set[asyncio.Future[WaitAnswer]]] = {}

    def register(self, condition: str) -> asyncio.Future[WaitAnswer]:
        """A future for the next time the condition comes true. Raises Invalid for another word."""
        if condition not in CONDITIONS:
            raise Invalid(f'invalid condition: "{condition}"', hint=f"use one of {CONDITIONS}")
        future: asyncio.Future[WaitAnswer] = asyncio.get_running_loop().create_future()
        waiting = self._pending.setdefault(condition, set())
        waiting.add(future)
        future.add_done_callback(waiting.discard)
        return future

    def ended(self, answer: WaitAnswer, *, stays: bool) -> None:
        """The main process ended; `stays` unless the restart policy starts it again."""
        self._resolve(NEXT_EXIT, answer)
        if stays:
            self._resolve(NOT_RUNNING, answer)

    def removed(self, answer: WaitAnswer) -> None:
        """The container is gone: whatever was waited for will not come any more."""
        for condition in CONDITIONS:
            self._resolve(condition, answer)

    def removal_failed(self, answer: WaitAnswer) -> None:
        """It could not be removed; `answer.error` says why."""
        self._resolve(REMOVED, answer)

    def _resolve(self, condition: str, answer: WaitAnswer) -> None:
        for future in list(self._pending.get(condition, ())):
            if not future.done():
                future.set_result(answer)
