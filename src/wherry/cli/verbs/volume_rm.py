"""`wherry volume rm`."""

from __future__ import annotations

from wherry.cli.api import quote
from wherry.cli.command import ANY, Command
from wherry.cli.each import for_each
from wherry.cli.flags import Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options

FLAGS = (Flag("force", "f", "bool", "Do not mind volumes that are not there"),)


def run(context: Context, options: Options, arguments: list[str]) -> int:
    """Remove each volume and all that is in it."""
    query = {"force": options.on("force")}
    return for_each(
        context,
        arguments,
        lambda name: context.api.begin("DELETE", f"/volumes/{quote(name)}", query),
    )


COMMAND = Command(
    "Remove volumes",
    run,
    arguments="VOLUME [VOLUME...]",
    flags=FLAGS,
    least=1,
    most=ANY,
    complete="volumes",
)
