"""Version 2 cpu: weight, quota per period, time used (cgroup-v2.rst, "CPU")."""

from __future__ import annotations

from wherry.kernel.cgroup import interface

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DEFAULT_PERIOD = 100_000
NANOSECONDS = 1000


def weight(shares: int) -> int:
    """Version 1 shares (2..262144) as a version 2 weight (1..10000), as runc and crun map them."""
    shares = min(max(shares, 2), 262144)
    return 1 + (shares - 2) * 9999 // 262142


def apply(directory: str, resources: dict[str, Any]) -> None:
    """Write what `resources["cpu"]` asks for; OSError when it is refused."""
    cpu = resources.get("cpu")
    if not cpu:
        return
    if cpu.get("idle") is not None:
        interface.write(directory, "cpu.idle", cpu["idle"])
    if cpu.get("shares"):
        interface.write(directory, "cpu.weight", weight(cpu["shares"]))
    quota, period = cpu.get("quota") or 0, cpu.get("period") or 0
    if quota or period:
        bandwidth = quota if quota > 0 else _standing_quota(directory, quota)
        interface.write(directory, "cpu.max", f"{bandwidth} {period or DEFAULT_PERIOD}")
    if cpu.get("burst") is not None:
        interface.write(directory, "cpu.max.burst", cpu["burst"])


def _standing_quota(directory: str, quota: int) -> str:
    """What stands in for a quota that is no number of µs: -1 lifts it, 0 keeps the present one."""
    if quota < 0:
        return "max"
    return interface.read_or(directory, "cpu.max", "max").partition(" ")[0] or "max"


def stats(directory: str) -> dict[str, Any]:
    """{"cpu": {"usage": {...}, "throttling": {...}}} in nanoseconds, as version 1 gives them."""
    table = interface.read_table(directory, "cpu.stat")
    usage = {
        "total": table.get("usage_usec", 0) * NANOSECONDS,
        "user": table.get("user_usec", 0) * NANOSECONDS,
        "kernel": table.get("system_usec", 0) * NANOSECONDS,
        "percpu": [],
    }
    throttling = {
        "periods": table.get("nr_periods", 0),
        "throttledPeriods": table.get("nr_throttled", 0),
        "throttledTime": table.get("throttled_usec", 0) * NANOSECONDS,
    }
    return {"cpu": {"usage": usage, "throttling": throttling}}
