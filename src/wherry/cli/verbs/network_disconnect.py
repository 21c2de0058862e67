"""`wherry network disconnect`."""

from __future__ import annotations

from wherry.cli.api import quote
from wherry.cli.command import Command
from wherry.cli.flags import Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options

FLAGS = (Flag("force", "f", "bool", "Also forget a container that is not there any more"),)


def run(context: Context, options: Options, arguments: list[str]) -> None:
    """Disconnect the container, which may be running."""
    network, container = arguments
    body = {"Container": container, "Force": options.on("force")}
    context.api.post(f"/networks/{quote(network)}/disconnect", None, body)


COMMAND = Command(
    "Disconnect a container from a network",
    run,
    arguments="NETWORK CONTAINER",
    flags=FLAGS,
    least=2,
    most=2,
    complete="networks",
)
