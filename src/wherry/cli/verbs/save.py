"""`wherry save`."""

from __future__ import annotations

from wherry.cli.command import ANY, Command
from wherry.cli.failures import Failure
from wherry.cli.flags import Flag
from wherry.cli.output import STDOUT, is_terminal
from wherry.cli.platforms import platform_json
from wherry.cli.transfers import check_target, receive_to

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options

FLAGS = (
    Flag("output", "o", "string", "Write to this file instead of stdout"),
    Flag("platform", "", "string", "Save only this platform (os/architecture)"),
)


def run(context: Context, options: Options, arguments: list[str]) -> None:
    """Fetch an archive of the images."""
    path = options.text("output")
    if not path and is_terminal(STDOUT):
        raise Failure("cowardly refusing to save to a terminal. Use the -o flag or redirect")
    if path:
        try:
            check_target(path)
        except Failure as failure:
            raise Failure(f"failed to save image: {failure.message}") from None
    query = {"names": arguments, "platform": platform_json(options.text("platform"))}
    response = context.api.request("GET", "/images/get", query)
    receive_to(path, response.pieces(), "Saving")


COMMAND = Command(
    "Save images to an archive",
    run,
    arguments="IMAGE [IMAGE...]",
    flags=FLAGS,
    least=1,
    most=ANY,
    complete="images",
)
