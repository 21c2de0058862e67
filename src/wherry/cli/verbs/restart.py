"""`wherry restart`."""

from __future__ import annotations

from wherry.cli.command import ANY, Command
from wherry.cli.stopping import FLAGS, stop_each

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options


def run(context: Context, options: Options, arguments: list[str]) -> int:
    """Send the request for each container, all at once."""
    return stop_each(context, options, arguments, "restart")


COMMAND = Command(
    "Stop containers and start them again",
    run,
    arguments="CONTAINER [CONTAINER...]",
    flags=FLAGS,
    least=1,
    most=ANY,
    complete="containers",
)
