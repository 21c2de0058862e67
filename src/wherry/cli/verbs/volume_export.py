"""`wherry volume export`."""

from __future__ import annotations

from wherry.cli.api import quote
from wherry.cli.command import Command
from wherry.cli.failures import Failure
from wherry.cli.flags import Flag
from wherry.cli.output import STDOUT, is_terminal
from wherry.cli.transfers import check_target, receive_to

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options

FLAGS = (Flag("output", "o", "string", "Write to this file instead of stdout"),)


def run(context: Context, options: Options, arguments: list[str]) -> None:
    """Fetch the volume's files as a tar archive."""
    path = options.text("output")
    if not path and is_terminal(STDOUT):
        raise Failure("cowardly refusing to save to a terminal. Use the -o flag or redirect")
    if path:
        check_target(path)
    response = context.api.request("GET", f"/volumes/{quote(arguments[0])}/export")
    receive_to(path, response.pieces(), "Exporting")


COMMAND = Command(
    "Save a volume's files as a tar archive",
    run,
    arguments="VOLUME",
    flags=FLAGS,
    least=1,
    most=1,
    complete="volumes",
)
