"""`wherry load`."""

from __future__ import annotations

from wherry.cli.command import Command
from wherry.cli.failures import Failure
from wherry.cli.flags import Flag
from wherry.cli.output import STDOUT, is_terminal
from wherry.cli.progress import show_messages
from wherry.cli.session import STDIN
from wherry.cli.transfers import Meter, open_source, read_pieces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options

FLAGS = (
    Flag("input", "i", "string", "Read this file instead of stdin"),
    Flag("platform", "", "string", "Load only this platform (os/architecture)"),
    Flag("quiet", "q", "bool", "Say only what was loaded"),
)


def run(context: Context, options: Options, arguments: list[str]) -> None:
    """Send the archive and show what the daemon makes of it."""
    fd, total = STDIN, 0
    if options.text("input"):
        fd, total = open_source(options.text("input"))
    elif is_terminal(STDIN):
        raise Failure("requested load from stdin, but stdin is empty")
    quiet = options.on("quiet") or not is_terminal(STDOUT)
    meter = Meter("Sending archive", total, quiet=quiet)
    query = {"quiet": quiet, "platform": options.text("platform")}
    headers = {"Content-Type": "application/x-tar"}
    response = context.api.request("POST", "/images/load", query, read_pieces(fd, meter), headers)
    meter.close()
    show_messages(response.pieces(), STDOUT)


COMMAND = Command(
    "Load images from an archive",
    run,
    flags=FLAGS,
    complete="files",
)
