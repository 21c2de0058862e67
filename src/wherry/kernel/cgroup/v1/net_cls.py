"""Version 1 net_cls: the class that packets of these tasks carry (cgroup-v1/net_cls.rst)."""

from __future__ import annotations

from wherry.kernel.cgroup import interface

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def apply(directory: str, resources: dict[str, Any]) -> None:
    """Write `resources["network"]["classID"]`."""
    class_id = (resources.get("network") or {}).get("classID")
    if class_id:
        interface.write(directory, "net_cls.classid", class_id)


def stats(directory: str) -> dict[str, Any]:
    """Nothing is counted."""
    return {}
