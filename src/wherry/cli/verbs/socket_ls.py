"""`wherry socket ls`."""

from __future__ import annotations

from wherry.cli.columns import Column, Listing
from wherry.cli.command import Command
from wherry.cli.flags import Flag
from wherry.cli.formatflag import TABLE_FORMAT
from wherry.cli.listing import print_listing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.cli.context import Context
    from wherry.cli.flags import Options

FLAGS = (TABLE_FORMAT, Flag("quiet", "q", "bool", "Show names only"))


def run(context: Context, options: Options, arguments: list[str]) -> None:
    """Print one line for each socket, by name."""
    sockets = context.api.get("/wherry/sockets") or []
    if options.on("quiet"):
        for socket in sockets:
            context.say(socket["Name"])
        return
    print_listing(_LISTING, sockets, options.text("format"))


def _labels(socket: Any) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted(socket["Labels"].items()))


def _label(socket: Any, name: str) -> str:
    return str(socket["Labels"].get(name, ""))


_LISTING = Listing(
    "*formatter.socketContext",
    (
        Column("Name", "NAME", lambda socket: socket["Name"]),
        Column("Allow", "ALLOW", lambda socket: ",".join(socket["Allow"])),
        Column("Labels", "LABELS", _labels),
        Column("Expires", "EXPIRES", lambda socket: socket["Expires"] or "never"),
        Column("Path", "PATH", lambda socket: socket["Path"]),
        Column("BindRoot", "BIND ROOT", lambda socket: socket["BindRoot"]),
        Column("Images", "IMAGES", lambda socket: ",".join(socket["Images"])),
    ),
    ("Name", "Allow", "Labels", "Expires", "Path"),
    {"Label": _label},
)

COMMAND = Command("List scoped sockets", run, flags=FLAGS)
