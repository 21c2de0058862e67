"""Which file of ours serves which controller: a new controller is a new file plus one row."""

from __future__ import annotations

from wherry.kernel.cgroup.v1 import (
    blkio,
    cpu,
    cpuacct,
    cpuset,
    devices,
    freezer,
    hugetlb,
    memory,
    net_cls,
    net_prio,
    pids,
    rdma,
)
from wherry.kernel.cgroup.v2 import cpu as cpu2
from wherry.kernel.cgroup.v2 import cpuset as cpuset2
from wherry.kernel.cgroup.v2 import hugetlb as hugetlb2
from wherry.kernel.cgroup.v2 import io as io2
from wherry.kernel.cgroup.v2 import memory as memory2

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Controller(Protocol):
        """A module of v1/ or v2/."""

        def apply(self, directory: str, resources: dict[str, Any]) -> None:
            """Write OCI's `linux.resources` into the cgroup's directory."""

        def stats(self, directory: str) -> dict[str, Any]:
            """What the controller counted, under the names of `Cgroup.stats`."""


V1: dict[str, Controller] = {
    "cpu": cpu,
    "cpuacct": cpuacct,
    "cpuset": cpuset,
    "memory": memory,
    "pids": pids,
    "blkio": blkio,
    "devices": devices,
    "freezer": freezer,
    "hugetlb": hugetlb,
    "net_cls": net_cls,
    "net_prio": net_prio,
    "rdma": rdma,
}
V2: dict[str, Controller] = {
    "cpu": cpu2,
    "cpuset": cpuset2,
    "memory": memory2,
    "pids": pids,
    "io": io2,
    "hugetlb": hugetlb2,
    "rdma": rdma,
}
