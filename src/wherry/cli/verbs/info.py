"""`wherry info`, `wherry system info`."""

from __future__ import annotations

from wherry.cli.build import VERSION
from wherry.cli.command import Command
from wherry.cli.failures import STATUS_FAILED, Failure
from wherry.cli.flags import Flag
from wherry.cli.formatflag import OBJECT_FORMAT
from wherry.cli.infotext import server_lines
from wherry.jsontext import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.cli.context import Context
    from wherry.cli.flags import Options

FLAGS: tuple[Flag, ...] = (OBJECT_FORMAT,)


def run(context: Context, options: Options, arguments: list[str]) -> int:
    """Show what the daemon says about itself and its machine."""
    layout = options.text("format")
    try:
        server = context.api.get("/info")
    except Failure as failure:
        if layout:
            raise
        context.say("\n".join([*_client_lines(), "", "Server:"]))
        context.warn(failure.message)
        return STATUS_FAILED
    if layout:
        _print_formatted(context, server, layout)
        return 0
    context.say("\n".join([*_client_lines(), "", "Server:", *server_lines(server), ""]))
    for warning in server.get("Warnings") or []:
        context.warn(warning)
    return 0


def _print_formatted(context: Context, server: dict[str, Any], layout: str) -> None:
    facts = {**server, "ClientInfo": {"Version": VERSION, "Context": "default", "Debug": False}}
    if layout == "json":
        context.say(encode(facts))
        return
    from wherry.cli.templated import render_object

    context.say(render_object(facts, layout))


def _client_lines() -> list[str]:
    return ["Client:", f" Version:    {VERSION}", " Context:    default", " Debug Mode: false"]


COMMAND = Command("Show what the daemon knows about itself and this machine", run, flags=FLAGS)
