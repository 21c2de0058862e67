"""`wherry network connect`."""

from __future__ import annotations

from wherry.cli.api import quote
from wherry.cli.command import Command
from wherry.cli.flags import Flag
from wherry.cli.run.keyvaluefiles import key_values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.cli.context import Context
    from wherry.cli.flags import Options

FLAGS = (
    Flag("alias", "", "strings", "Further name inside the network"),
    Flag("driver-opt", "", "strings", "Option of the driver for this connection (KEY=VALUE)"),
    Flag("gw-priority", "", "int", "The network with the highest one has the default route"),
    Flag("ip", "", "string", "IPv4 address"),
    Flag("ip6", "", "string", "IPv6 address"),
    Flag("link", "", "list", "Name of another container under an alias (NAME:ALIAS)"),
    Flag("link-local-ip", "", "strings", "Further address for the link alone"),
)


def run(context: Context, options: Options, arguments: list[str]) -> None:
    """Connect the container, which may be running."""
    network, container = arguments
    body = {"Container": container, "EndpointConfig": _endpoint(options)}
    context.api.post(f"/networks/{quote(network)}/connect", None, body)


def _endpoint(options: Options) -> dict[str, Any]:
    addresses: dict[str, Any] = {}
    for flag, key in (("ip", "IPv4Address"), ("ip6", "IPv6Address")):
        if options.text(flag):
            addresses[key] = options.text(flag)
    if options.list("link-local-ip"):
        addresses["LinkLocalIPs"] = options.list("link-local-ip")
    return {
        "IPAMConfig": addresses or None,
        "Links": options.list("link") or None,
        "Aliases": options.list("alias") or None,
        "DriverOpts": key_values(options.list("driver-opt")) or None,
        "GwPriority": options.number("gw-priority"),
    }


COMMAND = Command(
    "Connect a container to a network",
    run,
    arguments="NETWORK CONTAINER",
    flags=FLAGS,
    least=2,
    most=2,
    complete="networks",
)
