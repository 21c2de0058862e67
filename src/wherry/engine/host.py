"""What the engine needs to know of the machine: read once, when the daemon starts."""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from wherry.engine.containers.checks.resources import RLIMITS, HostLimits, parse_list
from wherry.engine.containers.spec.capabilities import known_to_kernel
from wherry.kernel.cgroup.hierarchy import Hierarchies, detect
from wherry.spec.seccomp import kernel_version

DEFAULT_NOFILE: Final = (1024, 524_288)
"""Soft and hard limit of open files of a container, whatever the daemon's own are: an unlimited
one makes programs that close every possible descriptor crawl."""

INIT_BINARIES: Final = ("docker-init", "tini-static", "tini", "catatonit", "dumb-init")

# Docker's key of a limit: the v1 hierarchy and a file of it ("": any), the v2 controller.
_LIMIT_FILES: Final[Mapping[str, tuple[str, str, str]]] = {
    "MemoryLimit": ("memory", "memory.limit_in_bytes", "memory"),
    "SwapLimit": ("memory", "memory.memsw.limit_in_bytes", "memory"),
    "CpuCfsPeriod": ("cpu", "cpu.cfs_period_us", "cpu"),
    "CpuCfsQuota": ("cpu", "cpu.cfs_quota_us", "cpu"),
    "CPUShares": ("cpu", "cpu.shares", "cpu"),
    "CPUSet": ("cpuset", "cpuset.cpus", "cpuset"),
    "PidsLimit": ("pids", "", "pids"),
    "OomKillDisable": ("memory", "memory.oom_control", "none"),
    "BlkioWeight": ("blkio", "blkio.bfq.weight", "io"),
    "BlkioWeightDevice": ("blkio", "blkio.bfq.weight_device", "io"),
    "BlkioThrottle": ("blkio", "blkio.throttle.read_bps_device", "io"),
    "MemorySwappiness": ("memory", "memory.swappiness", "none"),
    "CPURealtime": ("cpu", "cpu.rt_runtime_us", "none"),
}


@dataclass(frozen=True, slots=True)
class Host:
    """Facts that do not change while the machine runs."""

    machine: str
    kernel_release: str
    kernel: tuple[int, int]
    hierarchies: Hierarchies
    limits: HostLimits
    capabilities: tuple[str, ...]
    nofile: tuple[int, int]
    init_path: str

    @property
    def cgroup_version(self) -> str:
        """ "1" or "2", as Docker tells it: a hybrid machine has its controllers in version 1."""
        return "2" if self.hierarchies.mode == "v2" else "1"


def inspect_host() -> Host:
    """Look at this machine. Raises OSError where /proc is missing."""
    system = os.uname()
    hierarchies = detect()
    return Host(
        machine=system.machine,
        kernel_release=system.release,
        kernel=kernel_version(system.release),
        hierarchies=hierarchies,
        limits=HostLimits(_limits(hierarchies), _cpus(), _nodes(), _hard_limits()),
        capabilities=known_to_kernel(),
        nofile=_nofile(),
        init_path=_init_path(),
    )


def _limits(hierarchies: Hierarchies) -> dict[str, bool]:
    works = {key: _works(hierarchies, *row) for key, row in _LIMIT_FILES.items()}
    works["IPv4Forwarding"] = _read("/proc/sys/net/ipv4/ip_forward").strip() == "1"
    return works


def _works(hierarchies: Hierarchies, v1: str, file: str, v2: str) -> bool:
    tree = hierarchies.tree(v1)
    if tree is not None:
        return not file or os.path.exists(f"{tree.mountpoint}{tree.own}/{file}")
    if hierarchies.v2 is None or hierarchies.v1:
        return False
    return v2 in _read(f"{hierarchies.v2.mountpoint}/cgroup.controllers").split()


def _cpus() -> frozenset[int]:
    try:
        return parse_list(_read("/sys/devices/system/cpu/online"))
    except ValueError:
        return frozenset(range(os.cpu_count() or 1))


def _nodes() -> frozenset[int]:
    try:
        return parse_list(_read("/sys/devices/system/node/online")) or frozenset({0})
    except ValueError:
        return frozenset({0})


def _nofile() -> tuple[int, int]:
    """The default limits, within what this process may give away.

    Raising a hard limit needs CAP_SYS_RESOURCE (setrlimit(2)), which an engine inside a container
    does not have.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft_wanted, hard_wanted = DEFAULT_NOFILE
    if hard == resource.RLIM_INFINITY or hard >= hard_wanted or _may_raise_limits():
        return DEFAULT_NOFILE
    return (min(soft_wanted, hard), hard)


def _hard_limits() -> dict[str, int]:
    if _may_raise_limits():
        return {}
    limits = {
        name: resource.getrlimit(getattr(resource, f"RLIMIT_{name.upper()}"))[1]
        for name in RLIMITS
        if hasattr(resource, f"RLIMIT_{name.upper()}")
    }
    return {name: hard for name, hard in limits.items() if hard != resource.RLIM_INFINITY}


def _may_raise_limits() -> bool:
    for line in _read("/proc/self/status").splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> 24 & 1)  # CAP_SYS_RESOURCE
    return False


def _init_path() -> str:
    found = (shutil.which(name) for name in INIT_BINARIES)
    return next((path for path in found if path), "")


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
