"""`wherry stop`."""

from __future__ import annotations

from wherry.cli.command import ANY, Command
from wherry.cli.each import post_each
from wherry.cli.flags import Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options

FLAGS = (
    Flag("signal", "s", "string", "Signal to send first"),
    Flag("timeout", "t", "int", "Seconds to wait before killing; -1 waits for ever"),
    Flag("time", "", "int", stands_for="timeout"),
)


def run(context: Context, options: Options, arguments: list[str]) -> int:
    """Send the request for each container, all at once."""
    timeout = str(options.number("timeout")) if options.is_given("timeout") else None
    query = {"signal": options.text("signal"), "t": timeout}
    return post_each(context, arguments, "stop", query)


COMMAND = Command(
    "Stop running containers",
    run,
    arguments="CONTAINER [CONTAINER...]",
    flags=FLAGS,
    least=1,
    most=ANY,
    complete="running",
)
