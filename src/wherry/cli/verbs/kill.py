"""`wherry kill`."""

from __future__ import annotations

from wherry.cli.command import ANY, Command
from wherry.cli.each import post_each
from wherry.cli.flags import Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options

FLAGS = (Flag("signal", "s", "string", "Signal to send instead of KILL"),)


def run(context: Context, options: Options, arguments: list[str]) -> int:
    """Send the signal to each container."""
    return post_each(context, arguments, "kill", {"signal": options.text("signal")})


COMMAND = Command(
    "Kill running containers",
    run,
    arguments="CONTAINER [CONTAINER...]",
    flags=FLAGS,
    least=1,
    most=ANY,
    complete="running",
)
