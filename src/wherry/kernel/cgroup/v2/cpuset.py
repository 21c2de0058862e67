"""Version 2 cpuset (cgroup-v2.rst, "Cpuset"): an empty set means the parent's."""

from __future__ import annotations

from wherry.kernel.cgroup import interface

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def apply(directory: str, resources: dict[str, Any]) -> None:
    """Write `resources["cpu"]["cpus"]` and `["mems"]`; OSError when the kernel refuses."""
    cpu = resources.get("cpu")
    if not cpu:
        return
    if cpu.get("cpus"):
        interface.write(directory, "cpuset.cpus", cpu["cpus"])
    if cpu.get("mems"):
        interface.write(directory, "cpuset.mems", cpu["mems"])


def stats(directory: str) -> dict[str, Any]:
    """{"cpuset": {"cpus", "mems"}}: the sets in force, also where they come from a parent."""
    cpus = interface.read_or(directory, "cpuset.cpus.effective")
    mems = interface.read_or(directory, "cpuset.mems.effective")
    return {"cpuset": {"cpus": cpus, "mems": mems}}
