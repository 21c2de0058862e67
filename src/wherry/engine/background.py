"""Work that goes on without anybody waiting for it, with an owner who sees to its end.

asyncio keeps only weak references to tasks and loses their errors; here a task is held until it is
done, and what it raises is logged.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Background:
    """The running background work of one engine."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Run it on its own; an error of it is logged under `name`."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    async def whole(self, work: Coroutine[Any, Any, T], name: str) -> T:
        """Wait for work that goes on to its end even when the caller is cancelled."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            # Nobody is left to be told, so an error of it belongs into the log.
            task.add_done_callback(_report)
            raise
        finally:
            task.add_done_callback(self._tasks.discard)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        _report(task)

    async def finish(self, seconds: float) -> None:
        """Wait for what is still going on, at most so long, then cancel it."""
        pending = [task for task in self._tasks if task is not asyncio.current_task()]
        if not pending:
            return
        _, late = await asyncio.wait(pending, timeout=seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)


def _report(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and task.exception() is not None:
        _log.error("%s failed", task.get_name(), exc_info=task.exception())
