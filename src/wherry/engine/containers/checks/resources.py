"""Checks of limits, against each other and against what this host can do.

What the host cannot do is discarded with a warning, as Docker does it, except where a limit that
is silently missing would be worse than an error.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

from wherry.engine.containers.resources import Resources
from wherry.errors import Invalid

R = TypeVar("R", bound=Resources)

MIN_MEMORY = 6 * 1024 * 1024  # bytes; Docker's bound: less does not start a process


@dataclass(frozen=True, slots=True)
class HostLimits:
    """What this host can limit, by the keys of `SystemFacts.limits`, and its processors.

    `hard_limits` are those of getrlimit(2) that cannot be raised here, by the names of `--ulimit`.
    """

    works: Mapping[str, bool]
    cpus: frozenset[int]
    nodes: frozenset[int]
    hard_limits: Mapping[str, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many processors there are."""
        return len(self.cpus)


def check(resources: Resources, host: HostLimits, *, update: bool = False) -> None:
    """Run every check. Raises Invalid."""
    for each in CHECKS:
        each(resources)
    _processors(resources, host)
    _realtime_here(resources, host)
    _ulimits_here(resources, host)
    if not update and resources.memory == 0 and resources.memory_swap > 0:
        raise Invalid(
            "You should always set the Memory limit when using Memoryswap limit, see usage"
        )


def memory(resources: Resources) -> None:
    """Limits that a process can live with, in their order."""
    limit, swap, soft = resources.memory, resources.memory_swap, resources.memory_reservation
    if limit and limit < MIN_MEMORY:
        raise Invalid("Minimum memory limit allowed is 6MB")
    if limit > 0 and 0 < swap < limit:
        raise Invalid("Minimum memoryswap limit should be larger than memory limit, see usage")
    if 0 < soft < MIN_MEMORY:
        raise Invalid("Minimum memory reservation allowed is 6MB")
    if 0 < limit < soft:
        raise Invalid(
            "Minimum memory limit can not be less than memory reservation limit, see usage"
        )
    swappiness = resources.memory_swappiness
    if swappiness is not None and not -1 <= swappiness <= 100:
        raise Invalid(f"Invalid value: {swappiness}, valid memory swappiness range is 0-100")


def kernel_memory(resources: Resources) -> None:
    """Refused: Linux dropped kmem.limit_in_bytes (5.16), and cgroup v2 never had its like."""
    if resources.kernel_memory > 0 or resources.kernel_memory_tcp > 0:
        raise Invalid(
            "limits of kernel memory are not supported: the kernel counts it with the rest",
            hint="limit all of the memory with --memory",
        )


def cpu_time(resources: Resources) -> None:
    """Quota and period as the kernel takes them, and not said twice."""
    nano, period, quota = resources.nano_cpus, resources.cpu_period, resources.cpu_quota
    if nano > 0 and period > 0:
        raise Invalid("Conflicting options: Nano CPUs and CPU Period cannot both be set")
    if nano > 0 and quota > 0:
        raise Invalid("Conflicting options: Nano CPUs and CPU Quota cannot both be set")
    if period and not 1000 <= period <= 1_000_000:
        raise Invalid(
            "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)"
        )
    if 0 < quota < 1000:
        raise Invalid("CPU cfs quota can not be less than 1ms (i.e. 1000)")
    if resources.cpu_shares < 0:
        raise Invalid(
            f"invalid CPU shares ({resources.cpu_shares}): value must be a positive integer"
        )


def realtime(resources: Resources) -> None:
    """Run time fits into its period."""
    if 0 < resources.cpu_realtime_period < resources.cpu_realtime_runtime:
        raise Invalid("cpu real-time runtime cannot be higher than cpu real-time period")


def block_io(resources: Resources) -> None:
    """Weights in the kernel's range; nothing that only Windows has."""
    if resources.blkio_weight and not 10 <= resources.blkio_weight <= 1000:
        raise Invalid("Range of blkio weight is from 10 to 1000")
    if resources.io_maximum_bandwidth or resources.io_maximum_iops:
        raise Invalid(
            "Invalid QoS settings: linux does not support Maximum IO Bandwidth or Maximum IO IOps"
        )


def ulimits(resources: Resources) -> None:
    """Known names; the soft limit is not above the hard one."""
    for limit in resources.ulimits or ():
        if limit.name not in RLIMITS:
            raise Invalid(f"invalid ulimit type: {limit.name}")
        if limit.hard != -1 and (limit.soft == -1 or limit.soft > limit.hard):
            raise Invalid(
                "ulimit soft limit must be less than or equal to hard limit: "
                f"{limit.soft} > {limit.hard}"
            )


def devices(resources: Resources) -> None:
    """Devices that exist on the host, with permissions that the kernel knows."""
    for device in resources.devices or ():
        if set(device.cgroup_permissions) - set("rwm"):
            raise Invalid(f"invalid device mode: {device.cgroup_permissions}")
        if not os.path.exists(device.path_on_host):
            raise Invalid(
                f"error gathering device information while adding custom device "
                f'"{device.path_on_host}": no such file or directory'
            )


def _processors(resources: Resources, host: HostLimits) -> None:
    count = host.count
    if resources.nano_cpus < 0 or resources.nano_cpus > count * 10**9:
        raise Invalid(
            f"range of CPUs is from 0.01 to {count}.00, as there are only {count} CPUs available"
        )
    _available(resources.cpuset_cpus, host.cpus, "cpuset cpus", "CPUs")
    _available(resources.cpuset_mems, host.nodes, "cpuset mems", "memory nodes")


def _realtime_here(resources: Resources, host: HostLimits) -> None:
    wanted = resources.cpu_realtime_period or resources.cpu_realtime_runtime
    if wanted and not host.works.get("CPURealtime", False):
        raise Invalid(
            "kernel does not support CPU real-time scheduler",
            hint="it needs cgroup version 1 and a kernel with CONFIG_RT_GROUP_SCHED",
        )


def _ulimits_here(resources: Resources, host: HostLimits) -> None:
    for limit in resources.ulimits or ():
        most = host.hard_limits.get(limit.name, -1)
        if most >= 0 and (limit.hard == -1 or limit.hard > most):
            asked = "unlimited" if limit.hard == -1 else limit.hard
            raise Invalid(
                f"ulimit {limit.name}: the hard limit {asked} is above the engine's own, {most}",
                hint="ask for less, or start the daemon with CAP_SYS_RESOURCE or a higher limit",
            )


def _available(text: str, there: frozenset[int], field: str, what: str) -> None:
    try:
        wanted = parse_list(text)
    except ValueError:
        raise Invalid(f"Invalid value {text} for {field}", hint="write 0-3 or 0,1") from None
    if not wanted <= there:
        raise Invalid(
            f"Requested {what} are not available - requested {text}, "
            f"available: {','.join(map(str, sorted(there)))}"
        )


def parse_list(text: str) -> frozenset[int]:
    """The numbers of a list as the kernel writes it ("0-2,5"). Raises ValueError."""
    numbers: set[int] = set()
    for part in text.strip().split(",") if text.strip() else ():
        first, dash, last = part.partition("-")
        if int(last or first) - int(first) > 8192:
            raise ValueError(text)
        numbers.update(range(int(first), int(last if dash else first) + 1))
    return frozenset(numbers)


def without_missing(resources: R, host: HostLimits) -> tuple[R, list[str]]:
    """The resources without those that this host cannot limit, and a warning for each."""
    warnings = []
    for row in MISSING:
        used = any((value := getattr(resources, n)) and value != r for n, r in row.reset.items())
        if used and not host.works.get(row.needs, False):
            resources = replace(resources, **row.reset)
            warnings.append(row.warning)
    return resources, warnings


@dataclass(frozen=True, slots=True)
class Missing:
    """What is taken out of the configuration where the host does not have `needs`."""

    needs: str
    reset: dict[str, Any]
    warning: str


_KERNEL = "Your kernel does not support "
MISSING: Final = (
    Missing(
        "MemoryLimit",
        {"memory": 0, "memory_reservation": 0},
        _KERNEL + "memory limit capabilities or the cgroup is not mounted. Limitation discarded.",
    ),
    Missing(
        "SwapLimit",
        {"memory_swap": -1},
        _KERNEL
        + "swap limit capabilities or the cgroup is not mounted. Memory limited without swap.",
    ),
    Missing(
        "PidsLimit",
        {"pids_limit": None},
        _KERNEL + "PIDs limit capabilities or the cgroup is not mounted. PIDs limit discarded.",
    ),
    Missing(
        "CPUShares",
        {"cpu_shares": 0},
        _KERNEL + "CPU shares or the cgroup is not mounted. Shares discarded.",
    ),
    Missing(
        "CpuCfsQuota",
        {"cpu_period": 0, "cpu_quota": 0, "nano_cpus": 0},
        _KERNEL + "CPU CFS scheduler. CPU period/quota discarded.",
    ),
    Missing(
        "CPUSet",
        {"cpuset_cpus": "", "cpuset_mems": ""},
        _KERNEL + "cpuset or the cgroup is not mounted. Cpuset discarded.",
    ),
    Missing(
        "OomKillDisable",
        {"oom_kill_disable": None},
        _KERNEL + "OomKillDisable. OomKillDisable discarded.",
    ),
    Missing(
        "MemorySwappiness",
        {"memory_swappiness": None},
        _KERNEL + "memory swappiness capabilities, or the cgroup is not mounted. "
        "Memory swappiness discarded.",
    ),
    Missing(
        "BlkioWeight",
        {"blkio_weight": 0},
        _KERNEL + "Block I/O weight or the cgroup is not mounted. Weight discarded.",
    ),
    Missing(
        "BlkioWeightDevice",
        {"blkio_weight_device": None},
        _KERNEL + "Block I/O weight_device or the cgroup is not mounted. Weight-device discarded.",
    ),
    *(
        Missing(
            "BlkioThrottle",
            {f"blkio_device_{field}": None},
            f"{_KERNEL}{words} limit or the cgroup is not mounted. "
            f"{words.replace('BPS Block I/O', 'Block I/O BPS')} limit discarded.",
        )
        for field, words in (
            ("read_bps", "BPS Block I/O read"),
            ("write_bps", "BPS Block I/O write"),
            ("read_iops", "IOPS Block read"),
            ("write_iops", "IOPS Block write"),
        )
    ),
)

# getrlimit(2); the names are those of `--ulimit`, the kernel's in lower case without RLIMIT_.
RLIMITS: Final = (
    "as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile",
    "nproc", "rss", "rtprio", "rttime", "sigpending", "stack",
)  # fmt: skip

CHECKS: Final[tuple[Callable[[Resources], None], ...]] = (
    memory,
    kernel_memory,
    cpu_time,
    realtime,
    block_io,
    ulimits,
    devices,
)
