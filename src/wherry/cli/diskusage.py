"""`wherry system df -v`: every image, container, volume and cache record."""

from __future__ import annotations

import time

from wherry.cli.columns import Column, Listing
from wherry.cli.listing import print_listing
from wherry.cli.timestamps import parse_rfc3339
from wherry.cli.units import ellipsis, short_id, size, span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.cli.context import Context


def print_details(context: Context, usage: Any) -> None:
    """Print the four tables."""
    now = time.time()
    context.say("Images space usage:\n")
    print_listing(_images(now), [_named(image) for image in usage.get("Images") or []])
    context.say("\nContainers space usage:\n")
    print_listing(_containers(now), usage.get("Containers") or [])
    context.say("\nLocal Volumes space usage:\n")
    print_listing(_volumes(), usage.get("Volumes") or [])
    records = usage.get("BuildCache") or []
    context.say(f"\nBuild cache usage: {size(sum(record['Size'] for record in records), 4)}\n")
    print_listing(_cache(now), records)


def _named(image: Any) -> Any:
    names = image.get("RepoTags") or []
    name, _, tag = (names[0] if names else "<none>:<none>").rpartition(":")
    return {**image, "Repository": name, "Tag": tag}


def _images(now: float) -> Listing:
    columns = (
        Column("Repository", "REPOSITORY", lambda i: i["Repository"]),
        Column("Tag", "TAG", lambda i: i["Tag"]),
        Column("ID", "IMAGE ID", lambda i: short_id(i["Id"])),
        Column("CreatedSince", "CREATED", lambda i: f"{span(now - i['Created'])} ago"),
        Column("Size", "SIZE", lambda i: size(i["Size"])),
        Column("SharedSize", "SHARED SIZE", lambda i: size(max(i.get("SharedSize", 0), 0))),
        Column("UniqueSize", "UNIQUE SIZE", _unique),
        Column("Containers", "CONTAINERS", lambda i: str(max(i.get("Containers", 0), 0))),
    )
    return _listing(columns)


def _unique(image: Any) -> str:
    return size(image["Size"] - max(image.get("SharedSize", 0), 0), 4)


def _containers(now: float) -> Listing:
    columns = (
        Column("ID", "CONTAINER ID", lambda c: short_id(c["Id"])),
        Column("Image", "IMAGE", lambda c: c["Image"]),
        Column("Command", "COMMAND", lambda c: f'"{ellipsis(c["Command"], 20)}"'),
        Column("LocalVolumes", "LOCAL VOLUMES", _local_volumes),
        Column("Size", "SIZE", lambda c: size(c.get("SizeRw") or 0)),
        Column("RunningFor", "CREATED", lambda c: f"{span(now - c['Created'])} ago"),
        Column("Status", "STATUS", lambda c: c["Status"]),
        Column("Names", "NAMES", lambda c: ",".join(n.lstrip("/") for n in c["Names"])),
    )
    return _listing(columns)


def _local_volumes(container: Any) -> str:
    return str(sum(mount.get("Driver") == "local" for mount in container.get("Mounts") or []))


def _volumes() -> Listing:
    columns = (
        Column("Name", "VOLUME NAME", lambda v: v["Name"]),
        Column("Links", "LINKS", lambda v: str((v.get("UsageData") or {}).get("RefCount", 0))),
        Column("Size", "SIZE", lambda v: size(max((v.get("UsageData") or {}).get("Size", 0), 0))),
    )
    return _listing(columns)


def _cache(now: float) -> Listing:
    columns = (
        Column("ID", "CACHE ID", lambda r: r["ID"][:12]),
        Column("CacheType", "CACHE TYPE", lambda r: r["Type"]),
        Column("Size", "SIZE", lambda r: size(r["Size"])),
        Column("CreatedSince", "CREATED", lambda r: _ago(now, r.get("CreatedAt"))),
        Column("LastUsedSince", "LAST USED", lambda r: _ago(now, r.get("LastUsedAt"))),
        Column("UsageCount", "USAGE", lambda r: str(r.get("UsageCount", 0))),
        Column("Shared", "SHARED", lambda r: str(bool(r.get("Shared"))).lower()),
    )
    return _listing(columns)


def _ago(now: float, moment: str | None) -> str:
    return f"{span(now - parse_rfc3339(moment))} ago" if moment else ""


def _listing(columns: tuple[Column, ...]) -> Listing:
    return Listing("*formatter.diskUsageContext", columns, [column.name for column in columns])
