"""One sample of GET /containers/{name}/stats in Docker's keys for Linux (cgroup v1 names)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from wherry.api.timestamps import rfc3339_nano
from wherry.engine.values.containers import BlockIO, NetworkCounters, Stats


def sampled(sample: Stats, before: Stats | None, id: str, name: str) -> dict[str, Any]:
    """Return one sample and, for rates, the CPU part of the one before (zeros for the first)."""
    shown: dict[str, Any] = {
        "id": id,
        "name": f"/{name}",
        "read": rfc3339_nano(sample.read),
        "cpu_stats": _cpu(sample),
        "memory_stats": _memory(sample),
        "pids_stats": _present({"current": sample.pids, "limit": sample.pids_limit}),
        "blkio_stats": _block(sample),
        "num_procs": 0,
        "storage_stats": {},
        "preread": rfc3339_nano(before.read if before else None),
        "precpu_stats": _cpu(before or Stats(read=0)),
    }
    if sample.networks:
        shown["networks"] = {name: _network(net) for name, net in sample.networks.items()}
    return shown


def _present(values: dict[str, Any]) -> dict[str, Any]:
    """Leave out zeros, as Go's omitempty does."""
    return {key: value for key, value in values.items() if value}


def _cpu(sample: Stats) -> dict[str, Any]:
    usage = {
        "total_usage": sample.cpu_total,
        **_present({"percpu_usage": list(sample.per_cpu)}),
        "usage_in_kernelmode": sample.cpu_kernel,
        "usage_in_usermode": sample.cpu_user,
    }
    throttling = {
        "periods": sample.throttling_periods,
        "throttled_periods": sample.throttled_periods,
        "throttled_time": sample.throttled_time,
    }
    host = _present({"system_cpu_usage": sample.system_cpu, "online_cpus": sample.online_cpus})
    return {"cpu_usage": usage, **host, "throttling_data": throttling}


def _memory(sample: Stats) -> dict[str, Any]:
    return _present(
        {
            "usage": sample.memory_usage,
            "max_usage": sample.memory_max_usage,
            "stats": dict(sample.memory_stats),
            "failcnt": sample.memory_failures,
            "limit": sample.memory_limit,
        }
    )


def _block(sample: Stats) -> dict[str, Any]:
    return {
        "io_service_bytes_recursive": _counters(sample.io_service_bytes),
        "io_serviced_recursive": _counters(sample.io_serviced),
        "io_queue_recursive": None,
        "io_service_time_recursive": None,
        "io_wait_time_recursive": None,
        "io_merged_recursive": None,
        "io_time_recursive": None,
        "sectors_recursive": None,
    }


def _counters(counters: Iterable[BlockIO]) -> list[dict[str, Any]] | None:
    shown = [{"major": c.major, "minor": c.minor, "op": c.op, "value": c.value} for c in counters]
    return shown or None


def _network(counters: NetworkCounters) -> dict[str, int]:
    return {
        f"{way}_{what}": getattr(counters, f"{way}_{what}")
        for way in ("rx", "tx")
        for what in ("bytes", "packets", "errors", "dropped")
    }
