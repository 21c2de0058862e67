"""Version 2 hugetlb: huge pages by size (cgroup-v2.rst, "HugeTLB")."""

from __future__ import annotations

from wherry.kernel.cgroup import interface

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def apply(directory: str, resources: dict[str, Any]) -> None:
    """Write `resources["hugepageLimits"]`: bytes per page size ("2MB").

    Where the kernel has the reservation limit (5.7) it gets the same value: it makes a too large
    mmap fail at once instead of killing the process with SIGBUS at the first touch.
    """
    for row in resources.get("hugepageLimits") or ():
        prefix = f"hugetlb.{row['pageSize']}"
        interface.write(directory, f"{prefix}.max", row["limit"])
        if interface.exists(directory, f"{prefix}.rsvd.max"):
            interface.write(directory, f"{prefix}.rsvd.max", row["limit"])


def stats(directory: str) -> dict[str, Any]:
    """Nothing is reported: Docker's statistics have no place for it."""
    return {}
