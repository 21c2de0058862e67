"""`wherry image bootstrap`: a base image from the distribution's packages, without a registry."""

from __future__ import annotations

from wherry.cli.command import Command
from wherry.cli.failures import Failure
from wherry.cli.flags import Flag
from wherry.cli.output import STDERR, STDOUT, is_terminal, write_text
from wherry.cli.progress import show_messages
from wherry.errors import WherryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options

FLAGS = (
    Flag("cache", "", "string", "Folder that keeps downloaded packages for the next time"),
    Flag("mirror", "", "string", "Fetch packages from this URL instead of apt's own mirror"),
    Flag("quiet", "q", "bool", "Say only what was loaded"),
    Flag("tag", "t", "string", "Name of the image"),
)
_WIDTH = 100


def run(context: Context, options: Options, arguments: list[str]) -> None:
    """Make the image here and load it into the daemon."""
    from wherry.image.bootstrap import Bootstrap, bootstrap

    request = Bootstrap(
        arguments[0], options.text("tag"), options.text("mirror"), options.text("cache")
    )
    progress = _Progress(quiet=options.on("quiet"))
    try:
        archive = bootstrap(request, progress.say)
    except WherryError as error:
        raise Failure(str(error)) from None
    finally:
        progress.close()
    headers = {"Content-Type": "application/x-tar"}
    query = {"quiet": True}
    response = context.api.request("POST", "/images/load", query, archive, headers)
    show_messages(response.pieces(), STDOUT)


class _Progress:
    """What goes on: one line drawn over on a terminal, all lines elsewhere, on stderr."""

    __slots__ = ("_moves", "_quiet")

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._moves = is_terminal(STDERR)

    def say(self, line: str) -> None:
        """Show a line."""
        if self._quiet:
            return
        text = f"\r\x1b[2K{line.rstrip()[:_WIDTH]}" if self._moves else f"{line.rstrip()}\n"
        write_text(STDERR, text)

    def close(self) -> None:
        """Wipe what was drawn."""
        if self._moves and not self._quiet:
            write_text(STDERR, "\r\x1b[2K")


COMMAND = Command(
    "Make a base image from a distribution's packages (debian:bookworm, ubuntu:noble, busybox)",
    run,
    arguments="DISTRIBUTION[:SUITE]",
    flags=FLAGS,
    least=1,
    most=1,
)
