"""`wherry rm`."""

from __future__ import annotations

from wherry.cli.command import ANY, Command
from wherry.cli.each import container_path, send_all
from wherry.cli.failures import STATUS_FAILED
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
_NOT_FOUND = 404


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
    for failure in failures:
        context.warn(failure.message)
    forgiven = options.on("force") and all(failure.code == _NOT_FOUND for failure in failures)
    return STATUS_FAILED if failures and not forgiven else 0


COMMAND = Command(
    "Remove containers",
    run,
    arguments="CONTAINER [CONTAINER...]",
    flags=FLAGS,
    least=1,
    most=ANY,
    complete="containers",
)
