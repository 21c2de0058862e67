"""`wherry history`."""

from __future__ import annotations

import time

from wherry.cli.api import quote
from wherry.cli.columns import Column, Listing
from wherry.cli.command import Command
from wherry.cli.flags import Flag
from wherry.cli.formatflag import TABLE_FORMAT
from wherry.cli.listing import print_listing
from wherry.cli.platforms import platform_json
from wherry.cli.timestamps import local_text
from wherry.cli.units import ellipsis, short_id, size, span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.cli.context import Context
    from wherry.cli.flags import Options

FLAGS = (
    TABLE_FORMAT,
    Flag("human", "H", "bool", "Show sizes and times for people", default=True),
    Flag("no-trunc", "", "bool", "Show everything in full"),
    Flag("platform", "", "string", "Show this platform of the image (os/architecture)"),
    Flag("quiet", "q", "bool", "Show ids only"),
)
_COMMAND_WIDTH = 45


def run(context: Context, options: Options, arguments: list[str]) -> None:
    """Show how the image was made, newest step first."""
    query = {"platform": platform_json(options.text("platform"))}
    steps = context.api.get(f"/images/{quote(arguments[0])}/history", query)
    full = options.on("no-trunc")
    if options.on("quiet") and not options.text("format"):
        for step in steps:
            context.say(step["Id"] if full else short_id(step["Id"]))
        return
    print_listing(_listing(full, options.on("human")), steps, options.text("format"))


def _listing(full: bool, human: bool) -> Listing:
    now = time.time()
    return Listing(
        "*formatter.historyContext",
        (
            Column("ID", "IMAGE", lambda s: s["Id"] if full else short_id(s["Id"])),
            Column("CreatedAt", "CREATED AT", lambda s: _time(s["Created"])),
            Column(
                "CreatedSince",
                "CREATED" if human else "CREATED AT",
                lambda s: f"{span(now - s['Created'])} ago" if human else _time(s["Created"]),
            ),
            Column("CreatedBy", "CREATED BY", lambda s: _command(s, full)),
            Column("Size", "SIZE", lambda s: size(s["Size"]) if human else str(s["Size"])),
            Column("Comment", "COMMENT", lambda s: str(s.get("Comment", ""))),
        ),
        ("ID", "CreatedSince", "CreatedBy", "Size", "Comment"),
    )


def _time(seconds: float) -> str:
    zone = local_text(seconds, "%z")
    offset = "Z" if zone == "+0000" else f"{zone[:3]}:{zone[3:]}"
    return local_text(seconds, "%Y-%m-%dT%H:%M:%S") + offset


def _command(step: Any, full: bool) -> str:
    text = str(step.get("CreatedBy", "")).replace("\t", " ")
    return text if full else ellipsis(text, _COMMAND_WIDTH)


COMMAND = Command(
    "Show how an image was made",
    run,
    arguments="IMAGE",
    flags=FLAGS,
    least=1,
    most=1,
    complete="images",
)
