"""A container while the daemon runs: its record, and what only lives in memory.

Every change of state happens under `lock`; whoever waits for something (an exit, a start) is told
by the one who makes the transition.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from wherry.engine.containers.record import Container
from wherry.engine.containers.restart_policy import Backoff
from wherry.engine.containers.runtime import Running
from wherry.engine.containers.waits import Waits


class Live:
    """One container of this engine.

    `running` is its main process while there is one. `restart` is the pending start that the
    restart policy planned. `release` lets go of the last run's cgroup and streams. `restarted` is
    true while a user restarts it, so that its end in between is not taken for the end.
    """

    def __init__(self, record: Container) -> None:
        self.record = record
        self.lock = asyncio.Lock()
        self.waits = Waits()
        self.backoff = Backoff()
        self.readers = Readers()
        self.running: Running | None = None
        self.restart: asyncio.Task[None] | None = None
        self.release: asyncio.Task[None] | None = None
        self.restarted = False
        self.removing = False
        self._starts: set[asyncio.Future[Running | None]] = set()

    @property
    def id(self) -> str:
        """The container's id."""
        return self.record.id

    def next_start(self) -> asyncio.Future[Running | None]:
        """What the next start gives: the process, or None when it fails or will never come."""
        future: asyncio.Future[Running | None] = asyncio.get_running_loop().create_future()
        self._starts.add(future)
        future.add_done_callback(self._starts.discard)
        return future

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waits for the next start, to read its output from the first byte."""
        return bool(self._starts)

    def tell_start(self, running: Running | None) -> None:
        """Tell those who wait for the next start."""
        for future in list(self._starts):
            if not future.done():
                future.set_result(running)


class Readers:
    """How many clients still read what a run wrote, so that it is not let go under their hands."""

    def __init__(self) -> None:
        self._count = 0
        self._none = asyncio.Event()
        self._none.set()

    def enter(self) -> Callable[[], None]:
        """Count one more; call what is returned once, when it is done."""
        self._count += 1
        self._none.clear()
        open = [True]

        def leave() -> None:
            if open:
                open.pop()
                self._count -= 1
                if self._count == 0:
                    self._none.set()

        return leave

    @property
    def any(self) -> bool:
        """Whether somebody reads."""
        return self._count > 0

    async def gone(self) -> None:
        """Wait until nobody reads."""
        await self._none.wait()
