"""`wherry logs`."""

from __future__ import annotations

import time

from wherry.cli.command import Command
from wherry.cli.each import container_path
from wherry.cli.failures import Failure
from wherry.cli.flags import Flag
from wherry.cli.frames import FrameSplitter, PlainOutput
from wherry.cli.timestamps import query_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options
    from wherry.cli.http import Response

FLAGS = (
    Flag("details", "", "bool", "Show what the log driver adds to each line"),
    Flag("follow", "f", "bool", "Go on with new output"),
    Flag("since", "", "string", "Begin at this time (2026-01-02T13:23:37Z) or span back (42m)"),
    Flag("tail", "n", "string", "How many lines from the end", default="all"),
    Flag("timestamps", "t", "bool", "Show the time of each line"),
    Flag("until", "", "string", "End at this time (2026-01-02T13:23:37Z) or span back (42m)"),
)
_FRAMED = "application/vnd.docker.multiplexed-stream"
_PLAIN = "application/vnd.docker.raw-stream"


def run(context: Context, options: Options, arguments: list[str]) -> None:
    """Copy the log to stdout and stderr."""
    query = {
        "stdout": True,
        "stderr": True,
        "since": _time(options, "since"),
        "until": _time(options, "until"),
        "timestamps": options.on("timestamps"),
        "follow": options.on("follow"),
        "tail": options.text("tail"),
        "details": options.on("details"),
    }
    response = context.api.request("GET", container_path(arguments[0], "logs"), query)
    output = PlainOutput() if _is_plain(context, response, arguments[0]) else FrameSplitter()
    for piece in response.pieces():
        output.feed(piece)


def _is_plain(context: Context, response: Response, name: str) -> bool:
    """Whether the log is one without frames, that of a terminal."""
    kind = response.headers.get("content-type", "")
    if kind == _FRAMED:
        return False
    if kind == _PLAIN:
        return True
    # Daemons before version 1.42 of the API do not say.
    pending = context.api.begin("GET", container_path(name, "json"))
    return bool(pending.result()["Config"]["Tty"])


def _time(options: Options, flag: str) -> str:
    try:
        return query_time(options.text(flag), time.time())
    except ValueError as error:
        raise Failure(f'invalid value for "{flag}": {error}') from None


COMMAND = Command(
    "Show the output of a container",
    run,
    arguments="CONTAINER",
    flags=FLAGS,
    least=1,
    most=1,
    complete="containers",
)
