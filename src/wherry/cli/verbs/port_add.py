"""`wherry port add`: publish further ports of a container that exists."""

from __future__ import annotations

from wherry.cli.command import ANY, Command
from wherry.cli.each import container_path
from wherry.cli.run.publish import parse_published
from wherry.cli.verbs.port import say_ports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options


def run(context: Context, options: Options, arguments: list[str]) -> None:
    """Publish them at once where it runs, and at every start; print what is published then."""
    body = {"PortBindings": parse_published(arguments[1:])}
    answer = context.api.post(container_path(arguments[0], "ports/add"), None, body)
    say_ports(context, answer["Ports"])


COMMAND = Command(
    "Publish ports of a container, also while it runs",
    run,
    arguments="CONTAINER [[ADDRESS:]HOST_PORT:]PORT[/PROTO]...",
    least=2,
    most=ANY,
    complete="containers",
)
