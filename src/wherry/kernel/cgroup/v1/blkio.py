"""Version 1 blkio: weights and bounds of block devices (cgroup-v1/blkio-controller.rst)."""

from __future__ import annotations

from wherry.kernel.cgroup import interface

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

THROTTLES = (
    ("throttleReadBpsDevice", "blkio.throttle.read_bps_device"),
    ("throttleWriteBpsDevice", "blkio.throttle.write_bps_device"),
    ("throttleReadIOPSDevice", "blkio.throttle.read_iops_device"),
    ("throttleWriteIOPSDevice", "blkio.throttle.write_iops_device"),
)
COUNTERS = (
    ("ioServiceBytesRecursive", "io_service_bytes_recursive"),
    ("ioServicedRecursive", "io_serviced_recursive"),
    ("ioQueuedRecursive", "io_queued_recursive"),
    ("ioServiceTimeRecursive", "io_service_time_recursive"),
    ("ioWaitTimeRecursive", "io_wait_time_recursive"),
    ("ioMergedRecursive", "io_merged_recursive"),
    ("ioTimeRecursive", "time_recursive"),
    ("sectorsRecursive", "sectors_recursive"),
)


def apply(directory: str, resources: dict[str, Any]) -> None:
    """Write `resources["blockIO"]`; rates are bytes or operations per second, 0 lifts one."""
    blkio = resources.get("blockIO")
    if not blkio:
        return
    # BFQ's files stand in for CFQ's since that scheduler left the kernel (5.0).
    prefix = "blkio." if interface.exists(directory, "blkio.weight") else "blkio.bfq."
    if blkio.get("weight"):
        interface.write(directory, f"{prefix}weight", blkio["weight"])
    if blkio.get("leafWeight"):
        interface.write(directory, "blkio.leaf_weight", blkio["leafWeight"])
    for device in blkio.get("weightDevice") or ():
        number = f"{device['major']}:{device['minor']}"
        if device.get("weight"):
            interface.write(directory, f"{prefix}weight_device", f"{number} {device['weight']}")
        if device.get("leafWeight"):
            interface.write(
                directory, "blkio.leaf_weight_device", f"{number} {device['leafWeight']}"
            )
    for key, name in THROTTLES:
        for device in blkio.get(key) or ():
            line = f"{device['major']}:{device['minor']} {device['rate']}"
            interface.write(directory, name, line)


def stats(directory: str) -> dict[str, Any]:
    """{"blkio": {counter: [{"major", "minor", "op", "value"}, ...]}}.

    Bytes and operations come from BFQ where it schedules the device, else from the throttling
    layer, which counts every device: the same choice as Docker's.
    """
    blkio = {}
    for key, name in COUNTERS:
        rows = _rows(directory, f"blkio.{name}") or _rows(directory, f"blkio.bfq.{name}")
        blkio[key] = rows or _rows(directory, f"blkio.throttle.{name}")
    return {"blkio": blkio}


def _rows(directory: str, name: str) -> list[dict[str, Any]]:
    """Lines `major:minor Operation value`, or without an operation; the total line is left out."""
    rows = []
    for line in interface.read_or(directory, name).splitlines():
        device, *operation, value = line.split()
        major, colon, minor = device.partition(":")
        if colon:
            row = {"major": int(major), "minor": int(minor), "op": "".join(operation)}
            rows.append({**row, "value": int(value)})
    return rows
