"""`wherry commit`."""

from __future__ import annotations

from wherry.cli.command import Command
from wherry.cli.flags import Flag
from wherry.cli.references import check_reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options

FLAGS = (
    Flag("author", "a", "string", "Say who made the image"),
    Flag("change", "c", "list", "Apply a Dockerfile instruction to the image"),
    Flag("message", "m", "string", "Say what was changed"),
    Flag("pause", "p", "bool", "Let the container stand still meanwhile", default=True),
)


def run(context: Context, options: Options, arguments: list[str]) -> None:
    """Make the image and say its id."""
    name = arguments[1] if len(arguments) > 1 else ""
    repository, tag = check_reference(name) if name else ("", "")
    query: dict[str, object] = {
        "container": arguments[0],
        "repo": repository,
        "tag": tag,
        "comment": options.text("message"),
        "author": options.text("author"),
        "changes": options.list("change"),
        "pause": "1" if options.on("pause") else "0",
    }
    context.say(context.api.post("/commit", query)["Id"])


COMMAND = Command(
    "Make an image of what a container has changed",
    run,
    arguments="CONTAINER [REPOSITORY[:TAG]]",
    flags=FLAGS,
    least=1,
    most=2,
    complete="containers",
)
