"""Version 1 net_prio: priority per network interface (cgroup-v1/net_prio.rst)."""

from __future__ import annotations

from wherry.kernel.cgroup import interface

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def apply(directory: str, resources: dict[str, Any]) -> None:
    """Write `resources["network"]["priorities"]`."""
    for row in (resources.get("network") or {}).get("priorities") or ():
        interface.write(directory, "net_prio.ifpriomap", f"{row['name']} {row['priority']}")


def stats(directory: str) -> dict[str, Any]:
    """Nothing is counted."""
    return {}
