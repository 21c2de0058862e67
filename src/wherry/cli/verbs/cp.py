"""`wherry cp`."""

from __future__ import annotations

from wherry.cli.command import Command
from wherry.cli.copying.paths import STANDARD, absolute, split_argument
from wherry.cli.copying.remote import Remote
from wherry.cli.failures import Failure
from wherry.cli.flags import Flag
from wherry.cli.output import STDOUT, is_terminal
from wherry.cli.units import size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options

FLAGS = (
    Flag("archive", "a", "bool", "Keep owners: those of the container, or its user's in it"),
    Flag("follow-link", "L", "bool", "Copy what a link in SRC_PATH leads to"),
    Flag("quiet", "q", "bool", "Say nothing of the progress, as without a terminal"),
)


def run(context: Context, options: Options, arguments: list[str]) -> None:
    """Copy in the direction that the arguments say."""
    source, path = split_argument(_given(arguments[0], "source"))
    target, to = split_argument(_given(arguments[1], "destination"))
    if source and target:
        raise Failure("copying between containers is not supported")
    if not (source or target):
        raise Failure("must specify at least one container source")
    quiet = options.on("quiet") or not is_terminal(STDOUT)
    remote = Remote(context.api, source or target)
    follow, archive = options.on("follow-link"), options.on("archive")
    if source:
        from wherry.cli.copying.receive import receive

        moved = receive(remote, path, to, follow=follow, chown=archive, quiet=quiet)
        place = absolute(to)
    else:
        from wherry.cli.copying.send import send

        moved = send(remote, path, to, follow=follow, as_user=archive, quiet=quiet)
        place = f"{target}:{to}"
    if not quiet and STANDARD not in (path if target else "", to if source else ""):
        context.warn(f"Successfully copied {size(moved, 3)} to {place}")


def _given(argument: str, what: str) -> str:
    if not argument:
        raise Failure(f"{what} can not be empty")
    return argument


COMMAND = Command(
    "Copy files between a container and this machine; - is a tar on stdin or stdout",
    run,
    arguments="CONTAINER:SRC_PATH DEST_PATH|- | cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
    flags=FLAGS,
    least=2,
    most=2,
    complete="containers",
)
