"""`wherry export`."""

from __future__ import annotations

from wherry.cli.command import Command
from wherry.cli.each import container_path
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
    """Fetch the container's file system as a tar archive."""
    path = options.text("output")
    if not path and is_terminal(STDOUT):
        raise Failure("cowardly refusing to save to a terminal. Use the -o flag or redirect")
    if path:
        try:
            check_target(path)
        except Failure as failure:
            raise Failure(f"failed to export container: {failure.message}") from None
    response = context.api.request("GET", container_path(arguments[0], "export"))
    receive_to(path, response.pieces(), "Exporting")


COMMAND = Command(
    "Save a container's file system as a tar archive",
    run,
    arguments="CONTAINER",
    flags=FLAGS,
    least=1,
    most=1,
    complete="containers",
)
