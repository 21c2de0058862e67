"""Figures of `wherry stats`, worked out of the API's samples."""

from __future__ import annotations

from wherry.cli.units import binary_size, size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Sample = tuple[Any, int]
    """The API's answer, and when it came: nanoseconds of a clock that only goes on."""

# Page cache that the kernel gives back at once: cgroup v1's name, v2's name.
_RECLAIMABLE = ("total_inactive_file", "inactive_file")


def figures(name: str, sample: Sample, before: Sample | None) -> dict[str, Any]:
    """The texts of one container; `before` is its last sample, None when this is the first."""
    now, _ = sample
    memory = now["memory_stats"]
    used, limit = working_set(memory), memory.get("limit", 0)
    networks = (now.get("networks") or {}).values()
    received = sum(each["rx_bytes"] for each in networks)
    sent = sum(each["tx_bytes"] for each in networks)
    read, written = _disk(now["blkio_stats"])
    return {
        "Container": name,
        "Name": now["name"].removeprefix("/"),
        "ID": now["id"],
        "CPUPerc": f"{cpu_percent(sample, before):.2f}%",
        "MemUsage": f"{binary_size(used)} / {binary_size(limit)}",
        "MemPerc": f"{used / limit * 100 if limit else 0:.2f}%",
        "NetIO": f"{size(received)} / {size(sent)}",
        "BlockIO": f"{size(read)} / {size(written)}",
        "PIDs": now["pids_stats"].get("current", 0),
    }


def working_set(memory: Any) -> int:
    """Bytes in use without the page cache that can be had back at once."""
    used, stats = memory.get("usage", 0), memory.get("stats") or {}
    cache = next((stats[key] for key in _RECLAIMABLE if key in stats), 0)
    return int(used - cache if cache < used else used)


def cpu_percent(sample: Sample, before: Sample | None) -> float:
    """Share of one processor since the sample before, in percent; 0 where there is none.

    Of the time that passed here: the system's own counter has steps of ten milliseconds.
    """
    if before is None:
        return 0.0
    used = _processor_time(sample) - _processor_time(before)
    passed = sample[1] - before[1]
    return used / passed * 100 if used > 0 and passed > 0 else 0.0


def _processor_time(sample: Sample) -> int:
    """Nanoseconds."""
    return int(sample[0]["cpu_stats"]["cpu_usage"]["total_usage"])


def _disk(block: Any) -> tuple[int, int]:
    """Bytes read and written."""
    entries = block.get("io_service_bytes_recursive") or []
    kinds = ((each["op"][:1].lower(), each["value"]) for each in entries)
    amounts = {"r": 0, "w": 0}
    for kind, value in kinds:
        if kind in amounts:
            amounts[kind] += value
    return amounts["r"], amounts["w"]
