"""Version 1 devices: a white or black list that the kernel keeps (cgroup-v1/devices.rst)."""

from __future__ import annotations

from wherry.kernel.cgroup import interface
from wherry.kernel.cgroup.device_rules import line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def apply(directory: str, resources: dict[str, Any]) -> None:
    """Write `resources["devices"]`, in order; neighbours of one kind share an open file."""
    kind, lines = "", list[str]()
    for rule in resources.get("devices") or ():
        name = "devices.allow" if rule["allow"] else "devices.deny"
        if name != kind and lines:
            interface.write_lines(directory, kind, lines)
            lines = []
        kind = name
        lines.append(line(rule))
    if lines:
        interface.write_lines(directory, kind, lines)


def stats(directory: str) -> dict[str, Any]:
    """Nothing is counted."""
    return {}
