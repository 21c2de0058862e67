"""When a container that ended is started again, and after how long.

Docker's rules: the first restart waits 100 ms, each further one twice as long, at most a minute; a
run of ten seconds or more starts again at 100 ms. `on-failure` restarts after failures only, at
most `maximum_retry_count` times (0: always). A container that a user stopped stays so.
"""

from __future__ import annotations

from dataclasses import dataclass

from wherry.engine.containers.config import RestartPolicy

FIRST_DELAY = 0.1  # seconds
LONGEST_DELAY = 60.0
STEADY_AFTER = 10.0


@dataclass(slots=True)
class Backoff:
    """The memory of one container's restarts; a user's start makes a new one."""

    restarts: int = 0
    delay: float = 0.0

    def next_delay(
        self, policy: RestartPolicy, *, exit_code: int, ran_for: float, stopped: bool
    ) -> float | None:
        """Seconds to wait before the next start, or None for none; `stopped` by a user."""
        if stopped or not self._wanted(policy, exit_code):
            return None
        self.restarts += 1
        steady = ran_for >= STEADY_AFTER or not self.delay
        self.delay = FIRST_DELAY if steady else min(self.delay * 2, LONGEST_DELAY)
        return self.delay

    def _wanted(self, policy: RestartPolicy, exit_code: int) -> bool:
        if policy.name in ("always", "unless-stopped"):
            return True
        limit = policy.maximum_retry_count
        within = limit == 0 or self.restarts < limit
        return policy.name == "on-failure" and exit_code != 0 and within


def starts_with_daemon(policy: RestartPolicy, *, manually_stopped: bool, was_running: bool) -> bool:
    """Whether a container that does not run is started when the daemon comes back.

    `was_running` is true for one that ended while no daemon was there to restart it.
    """
    if policy.name == "always":
        return was_running or not manually_stopped
    if policy.name == "unless-stopped":
        return not manually_stopped
    return policy.name == "on-failure" and was_running
