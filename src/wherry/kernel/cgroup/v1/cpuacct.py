"""Version 1 cpuacct: processor time used (cgroup-v1/cpuacct.rst). It has no setting."""

from __future__ import annotations

from wherry.kernel.cgroup import interface

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NANOSECONDS_PER_TICK = 10**9 // 100
"""cpuacct.stat counts in USER_HZ, which is 100 on every architecture that we run on."""


def apply(directory: str, resources: dict[str, Any]) -> None:
    """Nothing can be set."""


def stats(directory: str) -> dict[str, Any]:
    """{"cpu": {"usage": {"total", "kernel", "user", "percpu": [...]}}}, all nanoseconds."""
    ticks = interface.read_table(directory, "cpuacct.stat")
    usage = {
        "total": interface.read_number(directory, "cpuacct.usage"),
        "user": ticks.get("user", 0) * NANOSECONDS_PER_TICK,
        "kernel": ticks.get("system", 0) * NANOSECONDS_PER_TICK,
        "percpu": [int(n) for n in interface.read_or(directory, "cpuacct.usage_percpu").split()],
    }
    return {"cpu": {"usage": usage}}
