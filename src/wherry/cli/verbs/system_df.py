"""`wherry system df`."""

from __future__ import annotations

from wherry.cli.columns import Column, Listing
from wherry.cli.command import Command
from wherry.cli.flags import Flag
from wherry.cli.formatflag import TABLE_FORMAT
from wherry.cli.listing import print_listing
from wherry.cli.units import size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.cli.context import Context
    from wherry.cli.flags import Options

FLAGS = (
    TABLE_FORMAT,
    Flag("verbose", "v", "bool", "Show each image, container and volume"),
)

_RUNNING = ("running", "paused", "restarting")


def run(context: Context, options: Options, arguments: list[str]) -> None:
    """Show how much disk images, containers, volumes and the build cache take."""
    usage = context.api.get("/system/df")
    if options.on("verbose") and not options.text("format"):
        from wherry.cli.diskusage import print_details

        print_details(context, usage)
        return
    rows = [_images(usage), _containers(usage), _volumes(usage), _cache(usage)]
    print_listing(_LISTING, rows, options.text("format"))


def _images(usage: Any) -> dict[str, Any]:
    images = usage.get("Images") or []
    used = [image for image in images if image.get("Containers", 0) > 0]
    own = sum(image["Size"] - max(image.get("SharedSize", 0), 0) for image in used)
    total = usage.get("LayersSize") or 0
    return _row("Images", images, len(used), total, total - own)


def _containers(usage: Any) -> dict[str, Any]:
    containers = usage.get("Containers") or []
    idle = [item for item in containers if item.get("State") not in _RUNNING]
    total, free = (sum(item.get("SizeRw") or 0 for item in part) for part in (containers, idle))
    return _row("Containers", containers, len(containers) - len(idle), total, free)


def _volumes(usage: Any) -> dict[str, Any]:
    volumes = [item.get("UsageData") or {} for item in usage.get("Volumes") or []]
    used = [item for item in volumes if item.get("RefCount", 0) > 0]
    total, kept = (sum(max(item.get("Size", 0), 0) for item in part) for part in (volumes, used))
    return _row("Local Volumes", volumes, len(used), total, total - kept)


def _cache(usage: Any) -> dict[str, Any]:
    records = [item for item in usage.get("BuildCache") or [] if not item.get("Shared")]
    total = sum(item["Size"] for item in records)
    used = sum(item["Size"] for item in records if item.get("InUse"))
    active = sum(bool(item.get("InUse")) for item in usage.get("BuildCache") or [])
    row = _row("Build Cache", usage.get("BuildCache") or [], active, total, total - used)
    return {**row, "Percent": False}


def _row(kind: str, items: list[Any], active: int, total: int, free: int) -> dict[str, Any]:
    return {
        "Type": kind,
        "Total": len(items),
        "Active": active,
        "Size": total,
        "Free": max(free, 0),
        # Docker gives no share of what has no size, except for images.
        "Percent": total > 0,
    }


def _reclaimable(row: dict[str, Any]) -> str:
    free = size(row["Free"], 4)
    return f"{free} ({row['Free'] * 100 // row['Size']}%)" if row["Percent"] else free


_LISTING = Listing(
    "*formatter.diskUsageContext",
    (
        Column("Type", "TYPE", lambda row: row["Type"]),
        Column("TotalCount", "TOTAL", lambda row: str(row["Total"])),
        Column("Active", "ACTIVE", lambda row: str(row["Active"])),
        Column("Size", "SIZE", lambda row: size(row["Size"], 4)),
        Column("Reclaimable", "RECLAIMABLE", _reclaimable),
    ),
    ("Type", "TotalCount", "Active", "Size", "Reclaimable"),
)

COMMAND = Command("Show how much disk everything takes", run, flags=FLAGS)
