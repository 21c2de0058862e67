"""Limits: into the resource fields of the API's HostConfig."""

from __future__ import annotations

from wherry.cli.run.ulimits import parse_ulimit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.cli.flags import Options

_NUMBERS = {
    "CpuShares": "cpu-shares",
    "Memory": "memory",
    "NanoCpus": "cpus",
    "CpuPeriod": "cpu-period",
    "CpuQuota": "cpu-quota",
    "CpuRealtimePeriod": "cpu-rt-period",
    "CpuRealtimeRuntime": "cpu-rt-runtime",
    "BlkioWeight": "blkio-weight",
    "KernelMemory": "kernel-memory",
    "MemoryReservation": "memory-reservation",
    "MemorySwap": "memory-swap",
    "PidsLimit": "pids-limit",
}
_CPUSETS = {
    "CpusetCpus": "cpuset-cpus",
    "CpusetMems": "cpuset-mems",
}


def limits(options: Options) -> dict[str, Any]:
    """The limits that can change while a container runs, of the flags that the command has.

    Bytes, shares, microseconds and CPUs (in 1e-9) under the API's names.
    """
    values: dict[str, Any] = {key: options.number(flag) for key, flag in _NUMBERS.items()}
    return values | {key: options.text(flag) for key, flag in _CPUSETS.items()}


def resources(options: Options) -> dict[str, Any]:
    """All limits of a new container."""
    values = limits(options)
    values["CgroupParent"] = options.text("cgroup-parent")
    if options.number("memory-swappiness") != -1:
        values["MemorySwappiness"] = options.number("memory-swappiness")
    values["OomKillDisable"] = options.on("oom-kill-disable")
    values["Ulimits"] = [parse_ulimit(text) for text in options.list("ulimit")]
    return values
