"""Pressure stall information: how much time was lost waiting (accounting/psi.rst)."""

from __future__ import annotations

from wherry.kernel.cgroup import interface

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

RESOURCES = ("cpu", "memory", "io")


def stats(directory: str) -> dict[str, Any]:
    """{"pressure": {"cpu": {"some": {"avg10": percent, ..., "total": µs}, "full": {...}}, ...}}.

    A resource that the kernel does not report is left out.
    """
    pressure = {}
    for resource in RESOURCES:
        table = interface.read_nested(directory, f"{resource}.pressure")
        if table:
            pressure[resource] = {kind: _numbers(row) for kind, row in table.items()}
    return {"pressure": pressure}


def _numbers(row: dict[str, str]) -> dict[str, float]:
    return {key: int(value) if key == "total" else float(value) for key, value in row.items()}
