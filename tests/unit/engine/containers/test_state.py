"""The transition table: what is allowed, what is not, and what each transition changes."""

from __future__ import annotations

import pytest

from wherry.engine.containers import state as states
from wherry.engine.containers.record import State
from wherry.errors import Internal

STATUSES = (
    states.CREATED,
    states.RUNNING,
    states.PAUSED,
    states.RESTARTING,
    states.REMOVING,
    states.EXITED,
    states.DEAD,
)


def test_a_life() -> None:
    state = states.started(State(), pid=7, time=100)
    assert (state.status, state.running, state.pid, state.started_at) == ("running", True, 7, 100)
    state = states.paused(state)
    assert (state.status, state.running, state.paused) == ("paused", True, True)
    state = states.resumed(state)
    state = states.exited(state, exit_code=3, time=200)
    assert (state.status, state.running, state.pid, state.exit_code) == ("exited", False, 0, 3)
    assert state.finished_at == 200


def test_a_restart_counts_as_running_but_has_no_process() -> None:
    state = states.started(State(), pid=7, time=1)
    state = states.will_restart(state, exit_code=1, time=2)
    assert (state.status, state.running, state.restarting, state.pid) == (
        "restarting",
        True,
        True,
        0,
    )
    assert states.restart_cancelled(state).running is False


def test_a_start_forgets_the_last_end() -> None:
    state = State(status="exited", error="no such file", exit_code=127, oom_killed=True)
    again = states.started(state, pid=2, time=5)
    assert (again.error, again.exit_code, again.oom_killed) == ("", 0, False)


def test_a_failed_start_keeps_the_status() -> None:
    failed = states.start_failed(State(), error="nope", exit_code=127)
    assert (failed.status, failed.error, failed.exit_code) == ("created", "nope", 127)


def test_an_oom_kill_is_remembered_through_the_end() -> None:
    state = states.oom_seen(states.started(State(), pid=1, time=1))
    assert states.exited(state, exit_code=137, time=2).oom_killed


@pytest.mark.parametrize("status", [states.RUNNING, states.PAUSED, states.RESTARTING])
def test_what_runs_is_not_removed(status: str) -> None:
    with pytest.raises(Internal, match=status):
        states.removing(State(status=status))


def test_a_failed_removal_can_only_be_repeated() -> None:
    dead = states.remove_failed(states.removing(State()), error="disk")
    assert (dead.status, dead.dead) == ("dead", True)
    allowed = {event for status, event in states.TRANSITIONS if status == "dead"}
    assert allowed == {states.Event.REMOVING}


def test_the_table_names_only_known_statuses() -> None:
    used = {status for status, _ in states.TRANSITIONS} | set(states.TRANSITIONS.values())
    assert used == set(STATUSES)
