"""`wherry volume rename`."""

from __future__ import annotations

from wherry.cli.api import quote
from wherry.cli.command import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options


def run(context: Context, options: Options, arguments: list[str]) -> None:
    """Give it another name; containers that use it follow."""
    name, other = arguments
    context.api.post(f"/volumes/{quote(name)}/rename", {"name": other})
    context.say(other)


COMMAND = Command(
    "Rename a volume",
    run,
    arguments="VOLUME NEW_NAME",
    least=2,
    most=2,
    complete="volumes",
)
