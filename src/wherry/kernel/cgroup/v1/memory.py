"""Version 1 memory: limit, swap, reservation, swappiness, OOM killer (cgroup-v1/memory.rst)."""

from __future__ import annotations

import errno

from wherry.kernel.cgroup import interface

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LIMIT = "memory.limit_in_bytes"
SWAP_LIMIT = "memory.memsw.limit_in_bytes"


def apply(directory: str, resources: dict[str, Any]) -> None:
    """Write `resources["memory"]`: bytes, -1 for no limit; OSError when the kernel refuses.

    `swap` is memory plus swap, as in OCI and in memory.memsw. `kernel` is accepted and not
    written: the kernel dropped that limit in 5.16.
    """
    memory = resources.get("memory")
    if not memory:
        return
    _write_limits(directory, memory.get("limit") or 0, memory.get("swap") or 0)
    if memory.get("reservation"):
        interface.write(directory, "memory.soft_limit_in_bytes", memory["reservation"])
    if memory.get("kernelTCP"):
        interface.write(directory, "memory.kmem.tcp.limit_in_bytes", memory["kernelTCP"])
    if memory.get("disableOOMKiller"):
        interface.write(directory, "memory.oom_control", 1)
    if memory.get("swappiness") is not None:
        interface.write(directory, "memory.swappiness", memory["swappiness"])


def _write_limits(directory: str, limit: int, swap: int) -> None:
    """Write both limits in the order that keeps limit <= memsw true in between.

    The kernel refuses (EINVAL) any moment at which the memory limit is above the memory+swap one.
    Lifting the memory limit alone lifts memory+swap first, as there is no sense in a lower one.
    """
    if limit == -1 and not swap and interface.exists(directory, SWAP_LIMIT):
        swap = -1
    if limit and swap and _grows(directory, swap):
        _write_limit(directory, SWAP_LIMIT, swap)
        swap = 0
    if limit:
        _write_limit(directory, LIMIT, limit)
    if swap:
        _write_limit(directory, SWAP_LIMIT, swap)


def _grows(directory: str, swap: int) -> bool:
    return swap == -1 or swap > interface.read_number(directory, SWAP_LIMIT)


def _write_limit(directory: str, name: str, limit: int) -> None:
    """A limit below what is in use is EBUSY once reclaim has failed: say by how much."""
    try:
        interface.write(directory, name, limit)
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        family = name.removesuffix("limit_in_bytes")
        usage = interface.read_number(directory, f"{family}usage_in_bytes")
        peak = interface.read_number(directory, f"{family}max_usage_in_bytes")
        text = f"unable to set memory limit to {limit} (current usage: {usage}, peak usage: {peak})"
        raise OSError(errno.EBUSY, text, f"{directory}/{name}") from None


def oom_kills(directory: str) -> int:
    """How often the OOM killer has killed a process here (kernel 4.13)."""
    return interface.read_table(directory, "memory.oom_control").get("oom_kill", 0)


def stats(directory: str) -> dict[str, Any]:
    """{"memory": {"usage", "swap", "kernel", "kernelTCP": {...bytes}, "cache", "raw", "oomKills"}}.

    Each of the four has "usage", "max" (the peak), "limit", "failcnt"; "swap" is memory plus swap.
    "raw" is memory.stat.
    """
    raw = interface.read_table(directory, "memory.stat")
    memory = {
        "usage": _family(directory, "memory."),
        "swap": _family(directory, "memory.memsw."),
        "kernel": _family(directory, "memory.kmem."),
        "kernelTCP": _family(directory, "memory.kmem.tcp."),
        "cache": raw.get("cache", 0),
        "oomKills": oom_kills(directory),
        "raw": raw,
    }
    return {"memory": memory}


def _family(directory: str, prefix: str) -> dict[str, int]:
    return {
        "usage": interface.read_number(directory, f"{prefix}usage_in_bytes"),
        "max": interface.read_number(directory, f"{prefix}max_usage_in_bytes"),
        "limit": interface.read_number(directory, f"{prefix}limit_in_bytes"),
        "failcnt": interface.read_number(directory, f"{prefix}failcnt"),
    }
