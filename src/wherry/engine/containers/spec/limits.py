"""OCI's `linux.resources` and `process.rlimits` from Docker's resources."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Final

from wherry.engine.containers.resources import Resources, ThrottleDevice, WeightDevice
from wherry.errors import Invalid

NANO: Final = 10**9
CFS_PERIOD: Final = 100_000  # microseconds
UNLIMITED: Final = 2**64 - 1  # RLIM_INFINITY


def resources(given: Resources) -> dict[str, Any]:
    """Everything but devices. Limits that are not set are left out."""
    parts = {
        "memory": memory(given),
        "cpu": cpu(given),
        "pids": pids(given),
        "blockIO": block_io(given),
    }
    return {name: part for name, part in parts.items() if part}


def memory(given: Resources) -> dict[str, Any]:
    """Bytes; -1 is unlimited."""
    part: dict[str, Any] = {}
    if given.memory > 0:
        part["limit"] = given.memory
    if given.memory_swap:
        part["swap"] = given.memory_swap
    if given.memory_reservation > 0:
        part["reservation"] = given.memory_reservation
    if given.memory_swappiness not in (None, -1):
        part["swappiness"] = given.memory_swappiness
    if given.oom_kill_disable:
        part["disableOOMKiller"] = True
    return part


def cpu(given: Resources) -> dict[str, Any]:
    """Shares, quota and period in microseconds, and which processors."""
    part: dict[str, Any] = {}
    if given.nano_cpus > 0:
        part |= {"period": CFS_PERIOD, "quota": given.nano_cpus * CFS_PERIOD // NANO}
    rows = (
        ("shares", given.cpu_shares),
        ("period", given.cpu_period),
        ("quota", given.cpu_quota),
        ("realtimePeriod", given.cpu_realtime_period),
        ("realtimeRuntime", given.cpu_realtime_runtime),
        ("cpus", given.cpuset_cpus),
        ("mems", given.cpuset_mems),
    )
    return part | {name: value for name, value in rows if value}


def pids(given: Resources) -> dict[str, Any]:
    """A limit of 0 or below lifts it, as in Docker."""
    if given.pids_limit is None:
        return {}
    return {"limit": given.pids_limit if given.pids_limit > 0 else -1}


def block_io(given: Resources) -> dict[str, Any]:
    """Weights and throttles. Raises Invalid for a device that is not there."""
    part: dict[str, Any] = {
        "weight": given.blkio_weight,
        "weightDevice": [_weight(each) for each in given.blkio_weight_device or ()],
        "throttleReadBpsDevice": _throttles(given.blkio_device_read_bps),
        "throttleWriteBpsDevice": _throttles(given.blkio_device_write_bps),
        "throttleReadIOPSDevice": _throttles(given.blkio_device_read_iops),
        "throttleWriteIOPSDevice": _throttles(given.blkio_device_write_iops),
    }
    return {name: value for name, value in part.items() if value}


def _weight(device: WeightDevice) -> dict[str, int]:
    return {**_numbers(device.path), "weight": device.weight}


def _throttles(devices: Sequence[ThrottleDevice] | None) -> list[dict[str, int]]:
    return [{**_numbers(each.path), "rate": each.rate} for each in devices or ()]


def _numbers(path: str) -> dict[str, int]:
    try:
        device = os.stat(path).st_rdev
    except OSError as error:
        reason = (error.strerror or "").lower()  # as Go: clients tell a missing file by the words
        raise Invalid(f"stat {path}: {reason}") from None
    return {"major": os.major(device), "minor": os.minor(device)}


def rlimits(given: Resources, nofile: tuple[int, int]) -> list[dict[str, Any]]:
    """The user's limits, and `nofile` (soft, hard) unless the user gave it."""
    wanted: Mapping[str, tuple[int, int]] = {
        "nofile": nofile,
        **{each.name: (each.soft, each.hard) for each in given.ulimits or ()},
    }
    return [
        {"type": f"RLIMIT_{name.upper()}", "soft": _unlimited(soft), "hard": _unlimited(hard)}
        for name, (soft, hard) in wanted.items()
    ]


def _unlimited(value: int) -> int:
    return UNLIMITED if value == -1 else value
