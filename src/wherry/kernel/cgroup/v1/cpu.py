"""Version 1 cpu: shares, quota per period, real-time budget (scheduler/sched-bwc.rst)."""

from __future__ import annotations

import errno

from wherry.kernel.cgroup import interface

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def apply(directory: str, resources: dict[str, Any]) -> None:
    """Write what `resources["cpu"]` (OCI linux.resources) asks for; OSError when it is refused."""
    cpu = resources.get("cpu")
    if not cpu:
        return
    if cpu.get("shares"):
        interface.write(directory, "cpu.shares", cpu["shares"])
    if cpu.get("idle") is not None:
        interface.write(directory, "cpu.idle", cpu["idle"])
    _write_pair(
        directory, "cpu.cfs_period_us", cpu.get("period"), "cpu.cfs_quota_us", cpu.get("quota")
    )
    if cpu.get("burst") is not None:
        interface.write(directory, "cpu.cfs_burst_us", cpu["burst"])
    _write_pair(
        directory,
        "cpu.rt_period_us",
        cpu.get("realtimePeriod"),
        "cpu.rt_runtime_us",
        cpu.get("realtimeRuntime"),
    )


def _write_pair(
    directory: str, period_file: str, period: int | None, quota_file: str, quota: int | None
) -> None:
    """Write period and quota in an order that the kernel accepts.

    The kernel checks the new half against the old other half: a much shorter period is EINVAL as
    long as the old quota stands, so the quota goes first then.
    """
    if period:
        try:
            interface.write(directory, period_file, period)
            period = None
        except OSError as error:
            if error.errno != errno.EINVAL or not quota:
                raise
    if quota:
        interface.write(directory, quota_file, quota)
    if period:
        interface.write(directory, period_file, period)


def stats(directory: str) -> dict[str, Any]:
    """{"cpu": {"throttling": {"periods", "throttledPeriods", "throttledTime" in ns}}}."""
    table = interface.read_table(directory, "cpu.stat")
    throttling = {
        "periods": table.get("nr_periods", 0),
        "throttledPeriods": table.get("nr_throttled", 0),
        "throttledTime": table.get("throttled_time", 0),
    }
    return {"cpu": {"throttling": throttling}}
