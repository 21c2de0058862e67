"""`wherry container inspect`."""

from __future__ import annotations

from wherry.cli.command import ANY, Command
from wherry.cli.each import container_path
from wherry.cli.flags import Flag
from wherry.cli.formatflag import OBJECT_FORMAT
from wherry.cli.inspection import inspect_each

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options

FLAGS = (OBJECT_FORMAT, Flag("size", "s", "bool", "Show how much disk it takes"))


def run(context: Context, options: Options, arguments: list[str]) -> int:
    """Print everything about each container."""
    query = {"size": options.on("size")}
    return inspect_each(
        context,
        arguments,
        options.text("format"),
        lambda name: context.api.get(container_path(name, "json"), query),
    )


COMMAND = Command(
    "Show everything about containers",
    run,
    arguments="CONTAINER [CONTAINER...]",
    flags=FLAGS,
    least=1,
    most=ANY,
    complete="containers",
)
