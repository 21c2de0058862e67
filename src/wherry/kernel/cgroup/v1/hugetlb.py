"""Version 1 hugetlb: huge pages by size (cgroup-v1/hugetlb.rst)."""

from __future__ import annotations

from wherry.kernel.cgroup import interface

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def apply(directory: str, resources: dict[str, Any]) -> None:
    """Write `resources["hugepageLimits"]`: bytes per page size ("2MB")."""
    for row in resources.get("hugepageLimits") or ():
        interface.write(directory, f"hugetlb.{row['pageSize']}.limit_in_bytes", row["limit"])


def stats(directory: str) -> dict[str, Any]:
    """Nothing is reported: Docker's statistics have no place for it."""
    return {}
