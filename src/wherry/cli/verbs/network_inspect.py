"""`wherry network inspect`."""

from __future__ import annotations

from wherry.cli.api import quote
from wherry.cli.command import ANY, Command
from wherry.cli.flags import Flag
from wherry.cli.formatflag import OBJECT_FORMAT
from wherry.cli.inspection import inspect_each

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options

FLAGS = (OBJECT_FORMAT, Flag("verbose", "v", "bool", "Show more, for networks that have more"))


def run(context: Context, options: Options, arguments: list[str]) -> int:
    """Print what the engine knows of each network."""
    query = {"verbose": True} if options.on("verbose") else None
    return inspect_each(
        context,
        arguments,
        options.text("format"),
        lambda name: context.api.get(f"/networks/{quote(name)}", query),
    )


COMMAND = Command(
    "Show what is known of networks",
    run,
    arguments="NETWORK [NETWORK...]",
    flags=FLAGS,
    least=1,
    most=ANY,
    complete="networks",
)
