"""Docker's restart rules as values."""

from __future__ import annotations

import pytest

from wherry.engine.containers.config import RestartPolicy
from wherry.engine.containers.restart_policy import Backoff, starts_with_daemon


def delays(policy: RestartPolicy, codes: list[int], *, ran_for: float = 0.5) -> list[float | None]:
    backoff = Backoff()
    return [
        backoff.next_delay(policy, exit_code=code, ran_for=ran_for, stopped=False) for code in codes
    ]


def test_the_delay_doubles_up_to_a_minute() -> None:
    found = delays(RestartPolicy("always"), [0] * 12)
    assert found[:4] == [0.1, 0.2, 0.4, 0.8]
    assert found[-1] == 60.0


def test_a_long_run_starts_again_at_the_beginning() -> None:
    backoff, policy = Backoff(), RestartPolicy("always")
    for ran_for, expected in ((0.1, 0.1), (0.1, 0.2), (11.0, 0.1)):
        found = backoff.next_delay(policy, exit_code=1, ran_for=ran_for, stopped=False)
        assert found == pytest.approx(expected)


def test_on_failure_looks_at_the_code_and_the_count() -> None:
    assert delays(RestartPolicy("on-failure", 2), [1, 1, 1]) == [0.1, 0.2, None]
    assert delays(RestartPolicy("on-failure"), [0]) == [None]


@pytest.mark.parametrize("name", ["", "no"])
def test_no_policy_never_restarts(name: str) -> None:
    assert delays(RestartPolicy(name), [1]) == [None]


@pytest.mark.parametrize("name", ["always", "unless-stopped", "on-failure"])
def test_what_a_user_stopped_stays_stopped(name: str) -> None:
    delay = Backoff().next_delay(RestartPolicy(name), exit_code=1, ran_for=1, stopped=True)
    assert delay is None


@pytest.mark.parametrize(
    ("name", "stopped", "was_running", "expected"),
    [
        ("always", True, False, False),
        ("always", True, True, True),
        ("always", False, False, True),
        ("unless-stopped", True, False, False),
        ("unless-stopped", False, False, True),
        ("on-failure", False, True, True),
        ("on-failure", False, False, False),
        ("no", False, True, False),
    ],
)
def test_what_starts_with_the_daemon(
    name: str, stopped: bool, was_running: bool, expected: bool
) -> None:
    policy = RestartPolicy(name)
    found = starts_with_daemon(policy, manually_stopped=stopped, was_running=was_running)
    assert found is expected
