"""`wherry events`."""

from __future__ import annotations

import time

from wherry.cli.command import Command
from wherry.cli.failures import Failure
from wherry.cli.filters import encode_filters
from wherry.cli.flags import Flag
from wherry.cli.formatflag import LINE_FORMAT
from wherry.cli.progress import messages
from wherry.cli.timestamps import local_text, query_time
from wherry.jsontext import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.cli.context import Context
    from wherry.cli.flags import Options

FLAGS = (
    Flag("filter", "f", "filter", "Show only events that meet a condition (type=container)"),
    LINE_FORMAT,
    Flag("since", "", "string", "Begin with events of this time, or this span back"),
    Flag("until", "", "string", "End at this time"),
)


def run(context: Context, options: Options, arguments: list[str]) -> None:
    """Print one line for each event, as they happen."""
    query = {
        "since": _time(options, "since"),
        "until": _time(options, "until"),
        "filters": encode_filters(options.list("filter")),
    }
    layout = options.text("format")
    response = context.api.request("GET", "/events", query)
    for event in messages(response.pieces()):
        context.say(_line(event, layout))


def _time(options: Options, flag: str) -> str:
    try:
        return query_time(options.text(flag), time.time())
    except ValueError as error:
        raise Failure(str(error)) from None


def _line(event: Any, layout: str) -> str:
    if layout == "json":
        return encode(event)
    if layout:
        from wherry.cli.templated import render_object

        return render_object(event, layout)
    attributes = event["Actor"].get("Attributes") or {}
    shown = ", ".join(f"{name}={attributes[name]}" for name in sorted(attributes))
    detail = f" ({shown})" if shown else ""
    what = f"{event['Type']} {event['Action']} {event['Actor']['ID']}"
    return f"{_moment(event)} {what}{detail}"


def _moment(event: Any) -> str:
    nanoseconds = event.get("timeNano") or event["time"] * 10**9
    seconds, rest = divmod(nanoseconds, 10**9)
    zone = local_text(seconds, "%z")
    clock = local_text(seconds, "%Y-%m-%dT%H:%M:%S")
    offset = "Z" if zone == "+0000" else f"{zone[:3]}:{zone[3:]}"
    return f"{clock}.{rest:09}{offset}"


COMMAND = Command("Show what happens in the engine, as it happens", run, flags=FLAGS)
