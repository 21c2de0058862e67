"""`wherry socket inspect`."""

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
    """Print what each socket gives."""
    return inspect_each(
        context,
        arguments,
        options.text("format"),
        lambda name: context.api.get(f"/wherry/sockets/{quote(name)}"),
    )


COMMAND = Command(
    "Show what is known of scoped sockets",
    run,
    arguments="NAME [NAME...]",
    flags=(OBJECT_FORMAT,),
    least=1,
    most=ANY,
)
