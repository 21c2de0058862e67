"""`wherry diff`."""

from __future__ import annotations

from wherry.cli.command import Command
from wherry.cli.each import container_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options

_LETTERS = "CAD"  # by the API's kinds: modified, added, deleted


def run(context: Context, options: Options, arguments: list[str]) -> None:
    """Print a letter and a path for each file that differs from the image."""
    for change in context.api.get(container_path(arguments[0], "changes")) or []:
        context.say(f"{_LETTERS[change['Kind']]} {change['Path']}")


COMMAND = Command(
    "Show what a container changed in its image's files",
    run,
    arguments="CONTAINER",
    least=1,
    most=1,
    complete="containers",
)
