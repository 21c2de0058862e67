"""`wherry pause`."""

from __future__ import annotations

from wherry.cli.command import ANY, Command
from wherry.cli.each import post_each

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options


def run(context: Context, options: Options, arguments: list[str]) -> int:
    """Send the request for each container."""
    return post_each(context, arguments, "pause")


COMMAND = Command(
    "Stop all processes of containers where they are",
    run,
    arguments="CONTAINER [CONTAINER...]",
    least=1,
    most=ANY,
    complete="running",
)
