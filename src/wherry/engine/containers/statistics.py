"""`stats`: samples of what a container's cgroup and network have counted."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from wherry.engine.containers.processes import memory_kib
from wherry.engine.containers.runtime import KeeperGone, Runtime
from wherry.engine.values.containers import BlockIO, NetworkCounters, Stats
from wherry.errors import WherryError

if TYPE_CHECKING:
    from wherry.engine.containers.live import Live

INTERVAL: Final = 1.0  # seconds
_CLOCK_TICKS: Final = os.sysconf("SC_CLK_TCK")


async def samples(
    live: Live, runtime: Runtime, exists: Callable[[], bool], cpus: int
) -> AsyncIterator[Stats]:
    """A sample at once, then one a second for as long as the container exists."""
    while exists():
        yield await sample(live, runtime, cpus)
        await asyncio.sleep(INTERVAL)


async def sample(live: Live, runtime: Runtime, cpus: int) -> Stats:
    """One sample; all zero for a container that does not run."""
    pid = live.record.state.pid
    if live.running is None or not pid:
        return Stats(read=time.time_ns())
    try:
        counted = await runtime.stats(live.id)
    except (WherryError, KeeperGone, OSError):
        return Stats(read=time.time_ns())
    return from_counters(counted, cpus=cpus, networks=network_counters(pid))


def from_counters(
    counted: Mapping[str, Any], *, cpus: int, networks: Mapping[str, NetworkCounters]
) -> Stats:
    """The sample from the runtime's figures (`wherry.kernel.cgroup.Cgroup.stats`)."""
    usage = _part(counted, "cpu", "usage")
    throttling = _part(counted, "cpu", "throttling")
    memory = _part(counted, "memory", "usage")
    total = memory_kib() * 1024
    return Stats(
        read=time.time_ns(),
        pids=_part(counted, "pids").get("current", 0),
        pids_limit=_part(counted, "pids").get("limit", 0),
        cpu_total=usage.get("total", 0),
        cpu_kernel=usage.get("kernel", 0),
        cpu_user=usage.get("user", 0),
        per_cpu=tuple(usage.get("percpu", ())),
        system_cpu=system_cpu(_file("/proc/stat")),
        online_cpus=cpus,
        throttling_periods=throttling.get("periods", 0),
        throttled_periods=throttling.get("throttledPeriods", 0),
        throttled_time=throttling.get("throttledTime", 0),
        memory_usage=memory.get("usage", 0),
        memory_max_usage=memory.get("max", 0),
        memory_limit=min(memory.get("limit", total), total),
        memory_failures=memory.get("failcnt", 0),
        memory_stats=_part(counted, "memory", "raw"),
        io_service_bytes=_block(counted, "ioServiceBytesRecursive"),
        io_serviced=_block(counted, "ioServicedRecursive"),
        networks=networks,
    )


def _part(counted: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    for key in keys:
        counted = counted.get(key) or {}
    return counted


def _block(counted: Mapping[str, Any], key: str) -> tuple[BlockIO, ...]:
    rows = _part(counted, "blkio").get(key) or ()
    return tuple(
        BlockIO(row["major"], row["minor"], row["op"].lower(), row["value"]) for row in rows
    )


def system_cpu(stat: str) -> int:
    """Nanoseconds that all processors together have spent, idle or not (proc(5), /proc/stat).

    Guest time is already in user time.
    """
    fields = stat.splitlines()[0].split()[1:8]
    return sum(map(int, fields)) * 1_000_000_000 // _CLOCK_TICKS


def network_counters(pid: int) -> dict[str, NetworkCounters]:
    """Counters of the interfaces that the process sees, loopback left out."""
    counters = {}
    for line in _file(f"/proc/{pid}/net/dev").splitlines()[2:]:
        name, _, figures = line.partition(":")
        if name.strip() == "lo":
            continue
        values = [int(each) for each in figures.split()]
        received, sent = values[:4], values[8:12]
        counters[name.strip()] = NetworkCounters(*received, *sent)
    return counters


def _file(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
