"""Figures of `wherry stats`, worked out of the API's samples as docker's client does it."""

from __future__ import annotations

from wherry.cli.units import binary_size, size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Page cache that the kernel gives back at once: cgroup v1's name, v2's name.
_RECLAIMABLE = ("total_inactive_file", "inactive_file")


def figures(name: str, now: Any, before: Any) -> dict[str, Any]:
    """The texts of one container; `before` is its last sample, None when this is the first."""
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
        "CPUPerc": f"{cpu_percent(now, before):.2f}%",
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


def cpu_percent(now: Any, before: Any) -> float:
    """Share of one processor since the sample before, in percent; 0 where there is none."""
    if before is None:
        return 0.0
    new, old = now["cpu_stats"], before["cpu_stats"]
    used = new["cpu_usage"]["total_usage"] - old["cpu_usage"]["total_usage"]
    passed = new.get("system_cpu_usage", 0) - old.get("system_cpu_usage", 0)
    if used <= 0 or passed <= 0:
        return 0.0
    return float(used / passed * (new.get("online_cpus") or 1) * 100)


def _disk(block: Any) -> tuple[int, int]:
    """Bytes read and written."""
    entries = block.get("io_service_bytes_recursive") or []
    kinds = ((each["op"][:1].lower(), each["value"]) for each in entries)
    amounts = {"r": 0, "w": 0}
    for kind, value in kinds:
        if kind in amounts:
            amounts[kind] += value
    return amounts["r"], amounts["w"]
