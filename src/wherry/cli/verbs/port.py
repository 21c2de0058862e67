"""`wherry port`: where a container's ports are reached; `port add` and `port rm` change it."""

from __future__ import annotations

from wherry.cli.command import Command
from wherry.cli.each import container_path
from wherry.cli.failures import Failure
from wherry.cli.flagvalues import unsigned16

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.cli.context import Context
    from wherry.cli.flags import Options


def run(context: Context, options: Options, arguments: list[str]) -> None:
    """Print every published port, or where one of them is reached."""
    container = arguments[0]
    shown = context.api.get(container_path(container, "json"))
    ports = shown["NetworkSettings"]["Ports"] or {}
    if len(arguments) == 1:
        say_ports(context, ports)
        return
    port, _, proto = arguments[1].partition("/")
    try:
        unsigned16(port)
    except ValueError as error:
        raise Failure(f"Error: invalid port ({port}): {error}") from None
    bindings = ports.get(f"{port}/{proto or 'tcp'}")
    if not bindings:
        raise Failure(f"Error: No public port '{arguments[1]}' published for {container}")
    for binding in bindings:
        context.say(address_of(binding))


def say_ports(context: Context, ports: dict[str, Any]) -> None:
    """One line for each place where a port is reached."""
    for name in sorted(ports, key=_order):
        for binding in ports[name] or ():
            context.say(f"{name} -> {address_of(binding)}")


def address_of(binding: dict[str, str]) -> str:
    """`0.0.0.0:8080`, `[::]:8080`."""
    address = binding["HostIp"]
    return f"[{address}]:{binding['HostPort']}" if ":" in address else (
        f"{address}:{binding['HostPort']}")  # fmt: skip


def _order(name: str) -> tuple[int, str]:
    port, _, proto = name.partition("/")
    return int(port), proto


COMMAND = Command(
    "Show where a container's ports are published",
    run,
    arguments="CONTAINER [PRIVATE_PORT[/PROTO]]",
    least=1,
    most=2,
    complete="running",
)
