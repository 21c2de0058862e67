"""`wherry network ls`."""

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
    Flag("filter", "f", "filter", "Show only networks that meet a condition (driver=bridge)"),
    TABLE_FORMAT,
    Flag("no-trunc", "", "bool", "Show ids in full"),
    Flag("quiet", "q", "bool", "Show ids only"),
)
_SHORT = 12


def run(context: Context, options: Options, arguments: list[str]) -> None:
    """Print one line for each network, by name."""
    filters = encode_filters(options.list("filter"))
    networks = context.api.get("/networks", {"filters": filters}) or []
    networks.sort(key=lambda network: network["Name"])
    length = 64 if options.on("no-trunc") else _SHORT
    if options.on("quiet") and options.text("format") in ("", "table"):
        for network in networks:
            context.say(network["Id"][:length])
        return
    print_listing(_listing(length), networks, options.text("format"))


def _listing(length: int) -> Listing:
    return Listing(
        "*network.networkContext",
        (
            Column("ID", "NETWORK ID", lambda network: network["Id"][:length]),
            Column("Name", "NAME", lambda network: network["Name"]),
            Column("Driver", "DRIVER", lambda network: network["Driver"]),
            Column("Scope", "SCOPE", lambda network: network["Scope"]),
            Column("IPv4", "IPV4", lambda network: _truth(network.get("EnableIPv4", False))),
            Column("IPv6", "IPV6", lambda network: _truth(network["EnableIPv6"])),
            Column("Internal", "INTERNAL", lambda network: _truth(network["Internal"])),
            Column("Labels", "LABELS", _labels),
            Column("CreatedAt", "CREATED AT", _created_at),
        ),
        ("ID", "Name", "Driver", "Scope"),
        {"Label": _label},
    )


def _truth(value: bool) -> str:
    return "true" if value else "false"


def _labels(network: Any) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted((network["Labels"] or {}).items()))


def _label(network: Any, name: str) -> str:
    return str((network["Labels"] or {}).get(name, ""))


def _created_at(network: Any) -> str:
    """Go's form of a time in UTC: `2026-01-02 03:04:05.6 +0000 UTC`."""
    return str(network["Created"]).replace("T", " ").replace("Z", " +0000 UTC")


COMMAND = Command("List networks", run, flags=FLAGS)
