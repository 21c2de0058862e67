"""`wherry network rm`."""

from __future__ import annotations

from wherry.cli.api import quote
from wherry.cli.command import ANY, Command
from wherry.cli.each import removal_status, send_all
from wherry.cli.flags import Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options

FLAGS = (Flag("force", "f", "bool", "Do not mind networks that are not there"),)


def run(context: Context, options: Options, arguments: list[str]) -> int:
    """Remove each network that no running container is in."""
    failures = []
    for name, failure in send_all(
        arguments, lambda name: context.api.begin("DELETE", f"/networks/{quote(name)}")
    ):
        if failure is None:
            context.say(name)
        else:
            failures.append(failure)
    return removal_status(context, failures, force=options.on("force"))


COMMAND = Command(
    "Remove networks",
    run,
    arguments="NETWORK [NETWORK...]",
    flags=FLAGS,
    least=1,
    most=ANY,
    complete="networks",
)
