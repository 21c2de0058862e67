"""Version 1 pids: how many tasks there may be (cgroup-v1/pids.rst). Version 2 has the same file."""

from __future__ import annotations

from wherry.kernel.cgroup import interface

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def apply(directory: str, resources: dict[str, Any]) -> None:
    """Write `resources["pids"]["limit"]`: negative is no limit, 0 leaves it as it is (as runc)."""
    limit = (resources.get("pids") or {}).get("limit")
    if limit:
        interface.write(directory, "pids.max", limit if limit > 0 else "max")


def stats(directory: str) -> dict[str, Any]:
    """{"pids": {"current": tasks now, "limit": most allowed, 0 for no limit}}."""
    limit = interface.read_or(directory, "pids.max", "max")
    pids = {
        "current": interface.read_number(directory, "pids.current"),
        "limit": 0 if limit == "max" else int(limit),
    }
    return {"pids": pids}
