"""`wherry ps`, `wherry container ls`: list containers."""

from __future__ import annotations

import time

from wherry.cli.columns import Column, Listing
from wherry.cli.command import Command
from wherry.cli.filters import encode_filters
from wherry.cli.flags import Flag
from wherry.cli.formatflag import TABLE_FORMAT
from wherry.cli.listing import print_listing
from wherry.cli.ports import port_list
from wherry.cli.timestamps import local_text
from wherry.cli.units import ellipsis, short_id, size, span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.cli.context import Context
    from wherry.cli.flags import Options

FLAGS = (
    Flag("all", "a", "bool", "Show stopped containers too"),
    Flag("filter", "f", "filter", "Show only containers that meet a condition (status=exited)"),
    TABLE_FORMAT,
    Flag("last", "n", "int", "Show the n newest containers in any state", default=-1),
    Flag("latest", "l", "bool", "Show the newest container in any state"),
    Flag("no-trunc", "", "bool", "Show ids and commands in full"),
    Flag("quiet", "q", "bool", "Show ids only"),
    Flag("size", "s", "bool", "Show how much disk each container takes"),
)

_COMMAND_WIDTH = 20
_MOUNT_WIDTH = 15
_COLUMNS = ("ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names")


def run(context: Context, options: Options, arguments: list[str]) -> int:
    """Ask for the list and print it."""
    layout = options.text("format")
    containers = context.api.get("/containers/json", _query(options, layout))
    full = options.on("no-trunc")
    if options.on("quiet"):
        if layout not in ("", "table"):
            context.warn(
                "WARNING: Ignoring custom format, because both --format and --quiet are set."
            )
        for item in containers:
            context.say(item["Id"] if full else short_id(item["Id"]))
        return 0
    print_listing(_listing(full, options.on("size")), containers, layout)
    return 0


def _query(options: Options, layout: str) -> dict[str, object]:
    last = 1 if options.on("latest") and options.number("last") == -1 else options.number("last")
    return {
        "all": options.on("all"),
        "limit": last if last > 0 else None,
        "size": options.on("size") or ".Size" in layout or "json ." in layout,
        "filters": encode_filters(options.list("filter")),
    }


def _listing(full: bool, with_size: bool) -> Listing:
    shown = (*_COLUMNS, "Size") if with_size else _COLUMNS
    now = time.time()
    return Listing(
        "*formatter.ContainerContext",
        (
            Column("ID", "CONTAINER ID", lambda c: c["Id"] if full else short_id(c["Id"])),
            Column("Names", "NAMES", lambda c: _names(c, full)),
            Column("Image", "IMAGE", lambda c: _image(c, full)),
            Column("Command", "COMMAND", lambda c: _command(c, full)),
            Column("CreatedAt", "CREATED AT", lambda c: local_text(c["Created"])),
            Column("RunningFor", "CREATED", lambda c: f"{span(now - c['Created'])} ago"),
            Column("Ports", "PORTS", lambda c: port_list(c.get("Ports") or [])),
            Column("State", "STATE", lambda c: str(c.get("State", ""))),
            Column("Status", "STATUS", lambda c: str(c["Status"])),
            Column("Size", "SIZE", _size),
            Column("Labels", "LABELS", _labels),
            Column("Mounts", "MOUNTS", lambda c: _mounts(c, full)),
            Column("LocalVolumes", "LOCAL VOLUMES", _local_volumes),
            Column("Networks", "NETWORKS", _networks),
            Column("Platform", "PLATFORM", _platform),
        ),
        shown,
        {"Label": lambda c, name: str((c.get("Labels") or {}).get(name, ""))},
    )


def _names(container: Any, full: bool) -> str:
    names = [name.removeprefix("/") for name in container.get("Names") or []]
    # A name with a slash in it is a link's alias, which only the long form shows.
    return ",".join(names if full else [name for name in names if "/" not in name][:1])


def _image(container: Any, full: bool) -> str:
    name = str(container.get("Image") or "<no image>")
    image_id = str(container.get("ImageID", ""))
    if full or (not name.startswith("sha256:") and short_id(image_id) != name[:12]):
        return name if full or "@" not in name else _without_digest(name)
    return short_id(image_id)


def _without_digest(name: str) -> str:
    return name.partition("@")[0] if ":" in name.partition("@")[0].rpartition("/")[2] else name


def _command(container: Any, full: bool) -> str:
    command = str(container.get("Command", ""))
    return _quoted(command if full else ellipsis(command, _COMMAND_WIDTH))


def _quoted(text: str) -> str:
    """Go's strconv.Quote, for what occurs in commands."""
    special = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    return f'"{"".join(special.get(char) or _visible(char) for char in text)}"'


def _visible(char: str) -> str:
    return char if char.isprintable() else f"\\x{ord(char):02x}"


def _size(container: Any) -> str:
    own = size(container.get("SizeRw") or 0, 3)
    whole = container.get("SizeRootFs") or 0
    return f"{own} (virtual {size(whole, 3)})" if whole > 0 else own


def _labels(container: Any) -> str:
    labels = container.get("Labels") or {}
    return ",".join(f"{name}={labels[name]}" for name in sorted(labels))


def _mounts(container: Any, full: bool) -> str:
    names = [m.get("Name") or m.get("Source", "") for m in container.get("Mounts") or []]
    return ",".join(names if full else [ellipsis(name, _MOUNT_WIDTH) for name in names])


def _local_volumes(container: Any) -> str:
    return str(sum(m.get("Driver") == "local" for m in container.get("Mounts") or []))


def _networks(container: Any) -> str:
    settings = container.get("NetworkSettings") or {}
    return ",".join(sorted(settings.get("Networks") or {}))


def _platform(container: Any) -> str | None:
    descriptor = container.get("ImageManifestDescriptor") or {}
    platform = descriptor.get("platform")
    return platform and "/".join(
        platform[key] for key in ("os", "architecture", "variant") if platform.get(key)
    )


COMMAND = Command("List containers", run, flags=FLAGS)
