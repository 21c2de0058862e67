"""`wherry socket rm`."""

from __future__ import annotations

from wherry.cli.api import quote
from wherry.cli.command import ANY, Command
from wherry.cli.each import for_each

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options


def run(context: Context, options: Options, arguments: list[str]) -> int:
    """Remove each socket; connections through it end."""
    return for_each(
        context,
        arguments,
        lambda name: context.api.begin("DELETE", f"/wherry/sockets/{quote(name)}"),
    )


COMMAND = Command("Remove scoped sockets", run, arguments="NAME [NAME...]", least=1, most=ANY)
