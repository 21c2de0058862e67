"""Version 2 io: weights and bounds of block devices (cgroup-v2.rst, "IO")."""

from __future__ import annotations

from wherry.kernel.cgroup import interface

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LIMITS = (
    ("throttleReadBpsDevice", "rbps"),
    ("throttleWriteBpsDevice", "wbps"),
    ("throttleReadIOPSDevice", "riops"),
    ("throttleWriteIOPSDevice", "wiops"),
)
COUNTERS = (
    ("ioServiceBytesRecursive", (("rbytes", "Read"), ("wbytes", "Write"))),
    ("ioServicedRecursive", (("rios", "Read"), ("wios", "Write"))),
)


def weight(blkio: int) -> int:
    """A blkio weight (10..1000) on io.weight's scale (1..10000), as runc and crun map it."""
    return 1 + (blkio - 10) * 9999 // 990


def apply(directory: str, resources: dict[str, Any]) -> None:
    """Write `resources["blockIO"]`; a rate of 0 lifts that bound, as in version 1."""
    blkio = resources.get("blockIO")
    if not blkio:
        return
    bfq = interface.exists(directory, "io.bfq.weight")
    name = "io.bfq.weight" if bfq else "io.weight"
    if blkio.get("weight"):
        value = blkio["weight"] if bfq else weight(blkio["weight"])
        interface.write(directory, name, value if bfq else f"default {value}")
    for device in blkio.get("weightDevice") or ():
        if device.get("weight"):
            value = device["weight"] if bfq else weight(device["weight"])
            interface.write(directory, name, f"{device['major']}:{device['minor']} {value}")
    for key, limit in LIMITS:
        for device in blkio.get(key) or ():
            rate = device["rate"] or "max"
            interface.write(
                directory, "io.max", f"{device['major']}:{device['minor']} {limit}={rate}"
            )


def stats(directory: str) -> dict[str, Any]:
    """{"blkio": {counter: [{"major", "minor", "op", "value"}, ...]}}, as version 1 gives them."""
    table = interface.read_nested(directory, "io.stat")
    blkio = {
        key: [row for item in table.items() for row in _rows(item, ops)] for key, ops in COUNTERS
    }
    return {"blkio": blkio}


def _rows(
    item: tuple[str, dict[str, str]], operations: tuple[tuple[str, str], ...]
) -> list[dict[str, Any]]:
    device, counters = item
    major, colon, minor = device.partition(":")
    if not colon:
        return []
    return [
        {"major": int(major), "minor": int(minor), "op": name, "value": int(counters[key])}
        for key, name in operations
        if key in counters
    ]
