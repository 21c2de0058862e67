"""Signals to containers, and what is made of them: kill, stop, restart, pause, unpause."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING, Final

from wherry.engine.containers import signals
from wherry.engine.containers import state as states
from wherry.engine.containers.waits import NOT_RUNNING
from wherry.errors import Conflict, Internal, NotFound, NotModified

if TYPE_CHECKING:
    from wherry.engine.containers.lifecycle import Lifecycle
    from wherry.engine.containers.live import Live
    from wherry.engine.containers.roster import Roster
    from wherry.engine.containers.runtime import Runtime
    from wherry.engine.values.containers import StopRequest

DEFAULT_TIMEOUT: Final = 10  # seconds between the stop signal and SIGKILL
KILL_TIMEOUT: Final = 10.0
"""Seconds that SIGKILL may take: a process in an uninterruptible wait does not die at once."""


class Stopping:
    """Ends, freezes and thaws containers."""

    def __init__(self, roster: Roster, runtime: Runtime, lifecycle: Lifecycle) -> None:
        self._roster = roster
        self._runtime = runtime
        self._lifecycle = lifecycle

    async def kill(self, live: Live, text: str) -> None:
        """Send a signal; SIGKILL also waits for the end. Raises Conflict, Invalid."""
        number = signals.parse(text) if text else int(signal.SIGKILL)
        if not live.record.state.running:
            raise not_running(live)
        if number == signal.SIGKILL:
            await self.destroy(live)
        else:
            await self._signal(live, number)

    async def stop(self, live: Live, request: StopRequest) -> None:
        """Send the stop signal, wait, send SIGKILL. Raises NotModified when it does not run."""
        if not live.record.state.running:
            raise NotModified("container is already stopped")
        number = signals.parse(request.signal) if request.signal else stop_signal(live)
        await self._stop(live, number, _timeout(live, request))
        self._roster.tell(live, "stop")

    async def _stop(self, live: Live, number: int, timeout: int) -> None:
        ended = live.waits.register(NOT_RUNNING)
        try:
            if not await self._signal(live, number):
                return
            limit = timeout if timeout >= 0 else None
            await asyncio.wait_for(asyncio.shield(ended), limit)
        except TimeoutError:
            await self.destroy(live)
        finally:
            ended.cancel()

    async def destroy(self, live: Live) -> None:
        """SIGKILL, and wait for the end. Raises Internal when it does not die."""
        ended = live.waits.register(NOT_RUNNING)
        try:
            if await self._signal(live, int(signal.SIGKILL)):
                await asyncio.wait_for(asyncio.shield(ended), KILL_TIMEOUT)
        except TimeoutError:
            raise Internal(
                f"container {live.id} did not end after SIGKILL",
                hint="a process of it hangs in the kernel, for instance on a dead network mount",
            ) from None
        finally:
            ended.cancel()

    async def _signal(self, live: Live, number: int) -> bool:
        """Send a signal; whether the container may still be running then.

        A signal that is meant to end it also tells the restart policy that a user wanted this. A
        container that only waits for its restart just stops waiting.
        """
        async with live.lock:
            final = number in (signal.SIGKILL, stop_signal(live))
            if final or not live.record.config.stop_signal:
                self._note_wish(live)
            if self._lifecycle.cancel_restart(live):
                return False
            if live.running is None:
                return live.record.state.running
            # One that has just ended cannot be told; its exit is on the way.
            with contextlib.suppress(NotFound, Conflict):
                await self._runtime.signal(live.id, number)
            if live.record.state.paused and final:
                await self._resume(live)
            self._roster.tell(live, "kill", signal=str(number))
            return True

    def _note_wish(self, live: Live) -> None:
        if not live.record.manually_stopped:
            live.record.manually_stopped = True
            self._roster.move(live, live.record.state)

    async def restart(self, live: Live, request: StopRequest) -> None:
        """Stop it if it runs, and start it, as one operation."""
        live.restarted = True
        try:
            if live.record.state.running:
                number = signals.parse(request.signal) if request.signal else stop_signal(live)
                await self._stop(live, number, _timeout(live, request))
                self._roster.tell(live, "stop")
            await self._lifecycle.start(live)
        finally:
            live.restarted = False
        self._roster.tell(live, "restart")

    async def pause(self, live: Live) -> None:
        """Freeze it. Raises Conflict when it does not run, or is frozen."""
        async with live.lock:
            state = live.record.state
            if state.restarting:
                raise Conflict(
                    f"container {live.id} is restarting, wait until the container is running"
                )
            if not state.running or live.running is None:
                raise not_running(live)
            if state.paused:
                raise Conflict(f"container {live.id} is already paused")
            await self._runtime.pause(live.id)
            self._roster.move(live, states.paused(state))
            self._roster.tell(live, "pause")

    async def unpause(self, live: Live) -> None:
        """Thaw it. Raises Internal, as Docker does, when it is not frozen."""
        async with live.lock:
            if not live.record.state.paused:
                raise Internal(f"Container {live.id} is not paused")
            await self._resume(live)

    async def _resume(self, live: Live) -> None:
        await self._runtime.resume(live.id)
        self._roster.move(live, states.resumed(live.record.state))
        self._roster.tell(live, "unpause")


def stop_signal(live: Live) -> int:
    """The signal that asks this container to end."""
    text = live.record.config.stop_signal
    return signals.parse(text) if text else int(signal.SIGTERM)


def not_running(live: Live) -> Conflict:
    """Docker's error for what only a running container can do."""
    return Conflict(f"container {live.id} is not running")


def _timeout(live: Live, request: StopRequest) -> int:
    if request.timeout is not None:
        return request.timeout
    own = live.record.config.stop_timeout
    return own if own is not None else DEFAULT_TIMEOUT
