"""`wherry rmi`, `wherry image rm`."""

from __future__ import annotations

from wherry.cli.api import quote
from wherry.cli.command import ANY, Command
from wherry.cli.each import removal_status
from wherry.cli.failures import ApiFailure
from wherry.cli.flags import Flag
from wherry.cli.platforms import platform_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options

FLAGS = (
    Flag("force", "f", "bool", "Remove it even when stopped containers or several names use it"),
    Flag("no-prune", "", "bool", "Keep parents that no name refers to"),
    Flag("platform", "", "strings", "Remove only these platforms (os/architecture)"),
)


def run(context: Context, options: Options, arguments: list[str]) -> int:
    """Remove names, and images that lose their last one; with --force missing ones are fine."""
    query = {
        "force": options.on("force"),
        "noprune": options.on("no-prune"),
        "platforms": [platform_json(text) for text in options.list("platform")],
    }
    failures: list[ApiFailure] = []
    for name in arguments:
        try:
            steps = context.api.delete(f"/images/{quote(name)}", query)
        except ApiFailure as failure:
            failures.append(failure)
            continue
        for step in steps:
            deleted = step.get("Deleted")
            context.say(f"Deleted: {deleted}" if deleted else f"Untagged: {step['Untagged']}")
    return removal_status(context, failures, force=options.on("force"))


COMMAND = Command(
    "Remove images",
    run,
    arguments="IMAGE [IMAGE...]",
    flags=FLAGS,
    least=1,
    most=ANY,
    complete="images",
)
