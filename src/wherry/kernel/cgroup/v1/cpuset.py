"""Version 1 cpuset: which processors and memory nodes (cgroup-v1/cpusets.rst).

A new cpuset is empty, and no task can join an empty one. `cgroup.clone_children` of the parent
makes the kernel copy the parent's sets at mkdir, so that a container costs no write at all; where
a parent was made by somebody else without it, `inherit` copies them down.
"""

from __future__ import annotations

import os

from wherry.kernel.cgroup import interface

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FILES = ("cpuset.cpus", "cpuset.mems")


def apply(directory: str, resources: dict[str, Any]) -> None:
    """Write `resources["cpu"]["cpus"]` and `["mems"]`; OSError when the kernel refuses."""
    cpu = resources.get("cpu")
    if not cpu:
        return
    if cpu.get("cpus"):
        interface.write(directory, "cpuset.cpus", cpu["cpus"])
    if cpu.get("mems"):
        interface.write(directory, "cpuset.mems", cpu["mems"])


def inherit(directory: str, mountpoint: str) -> None:
    """Fill the empty sets of `directory` and of its ancestors below `mountpoint` from above."""
    empty = [name for name in FILES if not interface.read_or(directory, name)]
    if not empty or directory == mountpoint:
        return
    parent = os.path.dirname(directory)
    inherit(parent, mountpoint)
    for name in empty:
        interface.write(directory, name, interface.read(parent, name))


def make_inheritable(directory: str) -> None:
    """Let the cgroups that are made in `directory` from now on start with its sets."""
    interface.write(directory, "cgroup.clone_children", 1)


def stats(directory: str) -> dict[str, Any]:
    """{"cpuset": {"cpus": "0-1", "mems": "0"}} as the kernel applies them."""
    cpus, mems = (interface.read_or(directory, name) for name in FILES)
    return {"cpuset": {"cpus": cpus, "mems": mems}}
