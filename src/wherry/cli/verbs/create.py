"""`wherry create`: make a container without starting it."""

from __future__ import annotations

from wherry.cli.command import ANY, Command
from wherry.cli.creation import create_container
from wherry.cli.run.flags import CONTAINER_FLAGS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options


def run(context: Context, options: Options, arguments: list[str]) -> None:
    """Make it and say its id."""
    container, _ = create_container(context, options, arguments, "create")
    context.say(container)


COMMAND = Command(
    "Make a container without starting it",
    run,
    arguments="IMAGE [COMMAND] [ARG...]",
    flags=CONTAINER_FLAGS,
    least=1,
    most=ANY,
    interspersed=False,
    complete="images",
)
