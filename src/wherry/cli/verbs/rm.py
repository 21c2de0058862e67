"""`wherry rm`."""

from __future__ import annotations

from wherry.cli.command import ANY, Command
from wherry.cli.each import container_path, removal_status, send_all
from wherry.cli.flags import Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options

FLAGS = (
    Flag("force", "f", "bool", "Kill the container first when it runs"),
    Flag("link", "l", "bool", "Remove a link, not a container"),
    Flag("volumes", "v", "bool", "Remove the container's unnamed volumes too"),
)


def run(context: Context, options: Options, arguments: list[str]) -> int:
    """Remove each; with --force a container that is not there is no failure."""
    query = {
        "force": options.on("force"),
        "link": options.on("link"),
        "v": options.on("volumes"),
    }
    names = [name if name == "/" else name.strip("/") for name in arguments]
    results = send_all(names, lambda name: context.api.begin("DELETE", container_path(name), query))
    for name, failure in results:
        if failure is None:
            context.say(name)
    failures = [failure for _, failure in results if failure is not None]
    return removal_status(context, failures, force=options.on("force"))


COMMAND = Command(
    "Remove containers",
    run,
    arguments="CONTAINER [CONTAINER...]",
    flags=FLAGS,
    least=1,
    most=ANY,
    complete="containers",
)
