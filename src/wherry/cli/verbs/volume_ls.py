"""`wherry volume ls`."""

from __future__ import annotations

from wherry.cli.columns import Column, Listing
from wherry.cli.command import Command
from wherry.cli.filters import encode_filters
from wherry.cli.flags import Flag
from wherry.cli.formatflag import TABLE_FORMAT
from wherry.cli.listing import print_listing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.cli.context import Context
    from wherry.cli.flags import Options

FLAGS = (
    Flag("filter", "f", "filter", "Show only volumes that meet a condition (dangling=true)"),
    TABLE_FORMAT,
    Flag("quiet", "q", "bool", "Show names only"),
)


def run(context: Context, options: Options, arguments: list[str]) -> None:
    """Print one line for each volume."""
    filters = encode_filters(options.list("filter"))
    volumes = context.api.get("/volumes", {"filters": filters})["Volumes"] or []
    if options.on("quiet") and options.text("format") in ("", "table"):
        for volume in volumes:
            context.say(volume["Name"])
        return
    print_listing(_LISTING, volumes, options.text("format"))


def _labels(volume: Any) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted((volume["Labels"] or {}).items()))


def _label(volume: Any, name: str) -> str:
    return str((volume["Labels"] or {}).get(name, ""))


_LISTING = Listing(
    "*formatter.volumeContext",
    (
        Column("Driver", "DRIVER", lambda volume: volume["Driver"]),
        Column("Name", "VOLUME NAME", lambda volume: volume["Name"]),
        Column("Scope", "SCOPE", lambda volume: volume["Scope"]),
        Column("Mountpoint", "MOUNTPOINT", lambda volume: volume["Mountpoint"]),
        Column("Labels", "LABELS", _labels),
        Column("Links", "LINKS", lambda volume: "N/A"),
        Column("Size", "SIZE", lambda volume: "N/A"),
    ),
    ("Driver", "Name"),
    {"Label": _label},
)

COMMAND = Command("List volumes", run, flags=FLAGS)
