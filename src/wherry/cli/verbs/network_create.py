"""`wherry network create`."""

from __future__ import annotations

from wherry.cli.command import Command
from wherry.cli.flags import Flag
from wherry.cli.run.keyvaluefiles import key_values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.cli.context import Context
    from wherry.cli.flags import Options

FLAGS = (
    Flag("attachable", "", "bool", "Let containers be connected by hand"),
    Flag("aux-address", "", "map", "Address that is never handed out (NAME=ADDRESS)"),
    Flag("config-from", "", "string", "Network whose configuration to use"),
    Flag("config-only", "", "bool", "Keep a configuration for other networks, and make none"),
    Flag("driver", "d", "string", "bridge, macvlan or ipvlan", default="bridge"),
    Flag("egress", "", "string", "What containers may reach: deny, or allow=HOST[:PORT][,...]"),
    Flag("gateway", "", "strings", "Gateway of a subnet"),
    Flag("ingress", "", "bool", "Swarm's routing mesh"),
    Flag("internal", "", "bool", "Let nothing in or out"),
    Flag("ip-range", "", "strings", "Part of a subnet to hand addresses out from"),
    Flag("ipam-driver", "", "string", "Address management", default="default"),
    Flag("ipam-opt", "", "map", "Option of the address management"),
    Flag("ipv4", "", "bool", "Give containers IPv4 addresses", default=True),
    Flag("ipv6", "", "bool", "Give containers IPv6 addresses"),
    Flag("label", "", "list", "Label the network (KEY=VALUE)"),
    Flag("opt", "o", "map", "Option of the driver"),
    Flag("scope", "", "string", "Scope: local"),
    Flag("subnet", "", "strings", "Subnet in CIDR form (one is chosen where none is given)"),
)


def run(context: Context, options: Options, arguments: list[str]) -> None:
    """Make it and say its id."""
    answer = context.api.post("/networks/create", None, _body(options, arguments[0]))
    if answer.get("Warning"):
        context.warn(f"WARNING: {answer['Warning']}")
    context.say(answer["Id"])


def _body(options: Options, name: str) -> dict[str, Any]:
    body: dict[str, Any] = {
        "Name": name,
        "Driver": options.text("driver"),
        "Options": key_values(options.list("opt")),
        "IPAM": {
            "Driver": options.text("ipam-driver"),
            "Config": _subnets(options),
            "Options": key_values(options.list("ipam-opt")),
        },
        "Internal": options.on("internal"),
        "Attachable": options.on("attachable"),
        "Ingress": options.on("ingress"),
        "Scope": options.text("scope"),
        "ConfigOnly": options.on("config-only"),
        "Labels": key_values(options.list("label")),
    }
    for flag, key in (("ipv4", "EnableIPv4"), ("ipv6", "EnableIPv6")):
        if options.is_given(flag):
            body[key] = options.on(flag)
    if options.text("config-from"):
        body["ConfigFrom"] = {"Network": options.text("config-from")}
    if options.text("egress"):
        body["Options"]["wherry.egress"] = options.text("egress")
    return body


def _subnets(options: Options) -> list[dict[str, Any]]:
    names = ("subnet", "ip-range", "gateway", "aux-address")
    given = [options.list(name) for name in names]
    if not any(given):
        return []
    from wherry.cli.subnets import subnet_rows

    return subnet_rows(*given)


COMMAND = Command("Make a network", run, arguments="NETWORK", flags=FLAGS, least=1, most=1)
