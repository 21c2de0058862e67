"""The states of a container as a table: (status, event) leads to the next status.

    created ─started→ running ─paused→ paused
                      running ─exited→ exited ─started→ running
                      running ─will_restart→ restarting ─started→ running
    anything that does not run ─removing→ removing ─remove_failed→ dead

A failed start does not change the status, only `error` and `exit_code`, as in Docker.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from typing import Final

from wherry.engine.containers.record import State
from wherry.errors import Internal

CREATED, RUNNING, PAUSED, RESTARTING = "created", "running", "paused", "restarting"
REMOVING, EXITED, DEAD = "removing", "exited", "dead"


class Event(Enum):
    """What can happen to a container."""

    STARTED = "started"
    START_FAILED = "start failed"
    RESUMED = "resumed"
    PAUSED = "paused"
    EXITED = "exited"
    WILL_RESTART = "will restart"
    RESTART_CANCELLED = "restart cancelled"
    OOM = "out of memory"
    REMOVING = "removing"
    REMOVE_FAILED = "remove failed"


TRANSITIONS: Final[dict[tuple[str, Event], str]] = {
    (CREATED, Event.STARTED): RUNNING,
    (EXITED, Event.STARTED): RUNNING,
    (RESTARTING, Event.STARTED): RUNNING,
    (CREATED, Event.START_FAILED): CREATED,
    (EXITED, Event.START_FAILED): EXITED,
    (RESTARTING, Event.START_FAILED): EXITED,
    (RUNNING, Event.PAUSED): PAUSED,
    (PAUSED, Event.RESUMED): RUNNING,
    (RUNNING, Event.EXITED): EXITED,
    (PAUSED, Event.EXITED): EXITED,
    (RUNNING, Event.WILL_RESTART): RESTARTING,
    (PAUSED, Event.WILL_RESTART): RESTARTING,
    (RESTARTING, Event.RESTART_CANCELLED): EXITED,
    (RUNNING, Event.OOM): RUNNING,
    (PAUSED, Event.OOM): PAUSED,
    (CREATED, Event.REMOVING): REMOVING,
    (EXITED, Event.REMOVING): REMOVING,
    (DEAD, Event.REMOVING): REMOVING,
    (REMOVING, Event.REMOVING): REMOVING,
    (REMOVING, Event.REMOVE_FAILED): DEAD,
}


def started(state: State, *, pid: int, time: int) -> State:
    """The main process runs."""
    status = _next(state, Event.STARTED)
    return State(
        status=status, running=True, pid=pid, started_at=time, finished_at=state.finished_at
    )


def start_failed(state: State, *, error: str, exit_code: int) -> State:
    """The main process could not be started; `error` is what the user is told."""
    status = _next(state, Event.START_FAILED)
    return replace(
        state, status=status, running=False, restarting=False, pid=0, error=error,
        exit_code=exit_code,
    )  # fmt: skip


def paused(state: State) -> State:
    """Every process is frozen."""
    return replace(state, status=_next(state, Event.PAUSED), paused=True)


def resumed(state: State) -> State:
    """Every process runs again."""
    return replace(state, status=_next(state, Event.RESUMED), paused=False)


def exited(state: State, *, exit_code: int, time: int, oom: bool = False) -> State:
    """The main process ended and stays so."""
    return _ended(state, Event.EXITED, running=False, code=exit_code, time=time, oom=oom)


def will_restart(state: State, *, exit_code: int, time: int, oom: bool = False) -> State:
    """The main process ended and will be started again by the restart policy."""
    return _ended(state, Event.WILL_RESTART, running=True, code=exit_code, time=time, oom=oom)


def restart_cancelled(state: State) -> State:
    """The next start that the restart policy planned will not happen."""
    status = _next(state, Event.RESTART_CANCELLED)
    return replace(state, status=status, running=False, restarting=False)


def oom_seen(state: State) -> State:
    """The kernel killed a process of it for lack of memory."""
    return replace(state, status=_next(state, Event.OOM), oom_killed=True)


def removing(state: State) -> State:
    """Its parts are being deleted; it cannot be started any more."""
    return replace(state, status=_next(state, Event.REMOVING))


def remove_failed(state: State, *, error: str) -> State:
    """Deleting stopped half way; only another removal is possible."""
    return replace(state, status=_next(state, Event.REMOVE_FAILED), dead=True, error=error)


def _next(state: State, event: Event) -> str:
    try:
        return TRANSITIONS[state.status, event]
    except KeyError:
        raise Internal(f"a container that is {state.status} cannot be {event.value}") from None


def _ended(state: State, event: Event, *, running: bool, code: int, time: int, oom: bool) -> State:
    status = _next(state, event)
    return replace(
        state, status=status, running=running, restarting=running, paused=False, pid=0,
        exit_code=code, finished_at=time, oom_killed=state.oom_killed or oom,
    )  # fmt: skip
