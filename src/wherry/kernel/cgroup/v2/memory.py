"""Version 2 memory: limit, swap, protection (cgroup-v2.rst, "Memory")."""

from __future__ import annotations

import errno

from wherry.kernel.cgroup import interface

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def swap_alone(limit: int, swap: int) -> int:
    """The swap part of OCI's "memory plus swap" (bytes; -1 no limit; 0 says nothing).

    Raises OSError EINVAL where memory plus swap is less than memory, or memory is unlimited while
    their sum is not, since no value of memory.swap.max means either.
    """
    if swap <= 0:
        return swap
    if limit <= 0:
        raise OSError(errno.EINVAL, "memory+swap limit set without a memory limit")
    if swap < limit:
        raise OSError(errno.EINVAL, f"memory+swap limit {swap} is below the memory limit {limit}")
    return swap - limit


def apply(directory: str, resources: dict[str, Any]) -> None:
    """Write `resources["memory"]`: bytes, -1 for no limit; OSError when the kernel refuses.

    Swappiness and disabling the OOM killer exist in version 1 only and are passed over, as runc
    and crun do.
    """
    memory = resources.get("memory")
    if not memory:
        return
    limit, swap = memory.get("limit") or 0, memory.get("swap") or 0
    if limit == -1 and not swap:
        swap = -1
    if swap:
        equal = swap == limit and swap > 0  # swap.max = 0: no swap at all
        alone = swap_alone(limit, swap)
        interface.write(directory, "memory.swap.max", 0 if equal else _limit(alone))
    if limit:
        interface.write(directory, "memory.max", _limit(limit))
    if memory.get("reservation"):
        interface.write(directory, "memory.low", _limit(memory["reservation"]))


def _limit(value: int) -> str:
    return "max" if value < 0 else str(value)


def oom_kills(directory: str) -> int:
    """How often the OOM killer has killed a process here or below."""
    return interface.read_table(directory, "memory.events").get("oom_kill", 0)


def stats(directory: str) -> dict[str, Any]:
    """The shape of version 1's: "usage", "swap" (memory plus swap), "cache", "raw", "oomKills"."""
    raw = interface.read_table(directory, "memory.stat")
    events = interface.read_table(directory, "memory.events")
    usage = {
        "usage": interface.read_number(directory, "memory.current"),
        "max": interface.read_number(directory, "memory.peak"),
        "limit": interface.read_number(directory, "memory.max", interface.UNLIMITED),
        "failcnt": events.get("max", 0),
    }
    memory = {
        "usage": usage,
        "swap": _with_swap(directory, usage),
        "cache": raw.get("file", 0),
        "oomKills": events.get("oom_kill", 0),
        "raw": raw,
    }
    return {"memory": memory}


def _with_swap(directory: str, usage: dict[str, int]) -> dict[str, int]:
    limit = interface.read_number(directory, "memory.swap.max", interface.UNLIMITED)
    return {
        "usage": usage["usage"] + interface.read_number(directory, "memory.swap.current"),
        "max": 0,
        "limit": min(interface.UNLIMITED, limit + usage["limit"]),
        "failcnt": interface.read_table(directory, "memory.swap.events").get("fail", 0),
    }
