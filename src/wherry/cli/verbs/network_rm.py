"""`wherry network rm`."""

from __future__ import annotations

from wherry.cli.api import quote
from wherry.cli.command import ANY, Command
from wherry.cli.each import send_all
from wherry.cli.failures import STATUS_FAILED
from wherry.cli.flags import Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options

_NOT_FOUND = 404

FLAGS = (Flag("force", "f", "bool", "Do not mind networks that are not there"),)


def run(context: Context, options: Options, arguments: list[str]) -> int:
    """Remove each network that no running container is in."""
    force, status = options.on("force"), 0
    for name, failure in send_all(
        arguments, lambda name: context.api.begin("DELETE", f"/networks/{quote(name)}")
    ):
        if failure is None:
            context.say(name)
        elif not (force and failure.code == _NOT_FOUND):
            context.warn(failure.message)
            status = STATUS_FAILED
    if status:
        context.warn(f"exit status {status}")  # docker's last word here
    return status


COMMAND = Command(
    "Remove networks",
    run,
    arguments="NETWORK [NETWORK...]",
    flags=FLAGS,
    least=1,
    most=ANY,
    complete="networks",
)
