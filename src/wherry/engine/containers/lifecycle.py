"""Start, end and restart of containers: the transitions and all that hangs on them.

The order at an end: state to the database, `die` told, waiters told; then what is left of the run
(cgroup, descriptors) is let go, once those who still read its output have read it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from wherry.engine.containers import state as states
from wherry.engine.containers.launch_errors import UNKNOWN, judge
from wherry.engine.containers.restart_policy import Backoff
from wherry.engine.containers.runtime import Exit, Running, Runtime
from wherry.engine.values.containers import WaitAnswer
from wherry.errors import Conflict, NotModified, WherryError

if TYPE_CHECKING:
    from wherry.engine.background import Background
    from wherry.engine.containers.launching import Launching
    from wherry.engine.containers.live import Live
    from wherry.engine.containers.roster import Roster

DRAIN: float = 2.0
"""Seconds that a new start, or a removal, waits for readers of the run before."""

_log = logging.getLogger(__name__)


class Lifecycle:
    """Makes every transition but pausing and removing.

    `ended` is called for a container that ended for good (it may remove itself), in the background.
    """

    def __init__(
        self, roster: Roster, launching: Launching, runtime: Runtime, background: Background
    ) -> None:
        self._roster = roster
        self._launching = launching
        self._runtime = runtime
        self._background = background
        self.ended: Callable[[Live], Awaitable[None]] = _nothing
        self.process_gone: Callable[[Live], None] = _no_execs
        self.closing = False

    # -- start ----------------------------------------------------------------------------------

    async def start(self, live: Live) -> None:
        """Start a container for a user. Raises NotModified when it runs, Conflict, Invalid..."""
        async with live.lock:
            self._check_startable(live)
            live.backoff = Backoff()
            live.record.manually_stopped = False
            await self._launch(live)

    def _check_startable(self, live: Live) -> None:
        state = live.record.state
        if state.paused:
            raise Conflict("cannot start a paused container, try unpause instead")
        if state.running:
            raise NotModified("container is already running")
        if live.removing or state.status in (states.REMOVING, states.DEAD):
            raise Conflict("container is marked for removal and cannot be started")

    async def _launch(self, live: Live) -> None:
        await self._let_go_of_last_run(live)
        try:
            running = await self._launching.launch(live)
        except Exception as error:
            await self._failed(live, error)
            raise judge(error).error from error
        self.adopt(live, running, time.time_ns())
        self._roster.tell(live, "start")

    def adopt(self, live: Live, running: Running, started_at: int) -> None:
        """Take a running process as the container's, new or found after a restart of the daemon."""
        live.running = running
        if live.record.state.pid != running.pid:
            self._roster.move(
                live, states.started(live.record.state, pid=running.pid, time=started_at)
            )
        live.tell_start(running)
        running.exited.add_done_callback(lambda _: self._on_exit(live, running))

    async def _failed(self, live: Live, error: Exception) -> None:
        verdict = judge(error)
        message = str(verdict.error)
        _log.info("container %s did not start: %s", live.id, message)
        failed = states.start_failed(
            live.record.state, error=message, exit_code=verdict.exit_code or UNKNOWN
        )
        self._roster.move(live, failed)
        live.tell_start(None)
        await self._release(live)
        live.waits.ended(WaitAnswer(failed.exit_code), stays=True)
        if live.record.host_config.auto_remove:
            self._background.start(self._end_for_good(live), f"removing container {live.id}")

    # -- end ------------------------------------------------------------------------------------

    def _on_exit(self, live: Live, running: Running) -> None:
        if not self.closing:
            self._background.start(self._handle_exit(live, running), f"the end of {live.id}")

    async def _handle_exit(self, live: Live, running: Running) -> None:
        async with live.lock:
            if live.running is running:
                self.end(live, _exit_of(running))

    def end(self, live: Live, how: Exit) -> None:
        """Record that the main process ended, and plan what follows. Call it under the lock."""
        live.running = None
        if how.oom:
            self._roster.move(live, states.oom_seen(live.record.state))
            self._roster.tell(live, "oom")
        delay = self._delay(live, how)
        self._move_to_end(live, how, restarts=delay is not None)
        self._tell_end(live, how)
        self._launching.tell_end(live)
        self.process_gone(live)
        live.release = self._background.start(
            self._release_when_read(live), f"letting go of container {live.id}"
        )
        if delay is not None:
            live.restart = self._background.start(
                self._restart_later(live, delay), f"restarting container {live.id}"
            )
        elif not live.restarted:
            self._background.start(self._end_for_good(live), f"removing container {live.id}")

    def _delay(self, live: Live, how: Exit) -> float | None:
        record = live.record
        return live.backoff.next_delay(
            record.host_config.restart_policy,
            exit_code=how.code,
            ran_for=max(0.0, (how.time - record.state.started_at) / 1e9),
            stopped=record.manually_stopped or live.removing or live.restarted,
        )

    def _move_to_end(self, live: Live, how: Exit, *, restarts: bool) -> None:
        record = live.record
        if restarts:
            record.restart_count += 1
        move = states.will_restart if restarts else states.exited
        self._roster.move(live, move(record.state, exit_code=how.code, time=how.time, oom=how.oom))

    def _tell_end(self, live: Live, how: Exit) -> None:
        seconds = max(0, how.time - live.record.state.started_at) // 10**9
        self._roster.tell(live, "die", exitCode=str(how.code), execDuration=str(seconds))
        stays = not live.record.state.running
        live.waits.ended(WaitAnswer(how.code), stays=stays)

    async def _end_for_good(self, live: Live) -> None:
        """What is removed at its end is removed when its last words have been read."""
        if live.record.host_config.auto_remove:
            await live.readers.gone()
            await self.ended(live)

    # -- restart --------------------------------------------------------------------------------

    async def _restart_later(self, live: Live, delay: float) -> None:
        await asyncio.sleep(delay)
        async with live.lock:
            live.restart = None
            if live.record.state.status != states.RESTARTING or self.closing:
                return
            try:
                await self._launch(live)
            except WherryError as error:
                _log.warning("container %s was not restarted: %s", live.id, error)

    def cancel_restart(self, live: Live) -> bool:
        """Call off the planned start; whether there was one. Call it under the lock."""
        if live.restart is None or live.record.state.status != states.RESTARTING:
            return False
        live.restart.cancel()
        live.restart = None
        state = states.restart_cancelled(live.record.state)
        self._roster.move(live, state)
        live.waits.ended(WaitAnswer(state.exit_code), stays=True)
        return True

    # -- letting go -----------------------------------------------------------------------------

    async def _release_when_read(self, live: Live) -> None:
        await live.readers.gone()
        await self._release(live)

    async def _let_go_of_last_run(self, live: Live) -> None:
        if live.release is None:
            return
        try:
            await asyncio.wait_for(asyncio.shield(live.release), DRAIN)
        except TimeoutError:
            live.release.cancel()
            await self._release(live)
        live.release = None

    async def let_go(self, live: Live) -> None:
        """Let go of whatever a run left, for a removal."""
        if live.release is not None:
            await self._let_go_of_last_run(live)
        else:
            await self._release(live)
        if live.record.state.started_at and live.readers.any:
            # Who asked for the log after the end of the run reads files that are about to go.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(live.readers.gone(), DRAIN)

    async def _release(self, live: Live) -> None:
        await self._runtime.release(live.id)
        await self._launching.leave(live)


def _exit_of(running: Running) -> Exit:
    """How it ended; where nobody can tell any more, as if it had been killed."""
    if running.exited.cancelled() or running.exited.exception() is not None:
        return Exit(status=9, time=time.time_ns())
    return running.exited.result()


async def _nothing(live: Live) -> None:
    return None


def _no_execs(live: Live) -> None:
    return None
