"""`wherry volume inspect`."""

from __future__ import annotations

from wherry.cli.api import quote
from wherry.cli.command import ANY, Command
from wherry.cli.formatflag import OBJECT_FORMAT
from wherry.cli.inspection import inspect_each

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options


def run(context: Context, options: Options, arguments: list[str]) -> int:
    """Print what the engine knows of each volume."""
    return inspect_each(
        context,
        arguments,
        options.text("format"),
        lambda name: context.api.get(f"/volumes/{quote(name)}"),
    )


COMMAND = Command(
    "Show what is known of volumes",
    run,
    arguments="VOLUME [VOLUME...]",
    flags=(OBJECT_FORMAT,),
    least=1,
    most=ANY,
    complete="volumes",
)
