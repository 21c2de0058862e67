"""`wherry image prune`."""

from __future__ import annotations

from wherry.cli.command import Command
from wherry.cli.filters import encode_filters
from wherry.cli.flags import Flag
from wherry.cli.pruning import FILTER, FORCE, confirmed
from wherry.cli.units import size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options

FLAGS = (Flag("all", "a", "bool", "Remove every image that no container uses"), FILTER, FORCE)

_DANGLING = "This will remove all dangling images."
_ALL = "This will remove all images without at least one container associated to them."


def run(context: Context, options: Options, arguments: list[str]) -> int:
    """Remove images without a name, or all that no container uses."""
    everything, conditions = options.on("all"), options.list("filter")
    if not options.on("force") and not confirmed(_ALL if everything else _DANGLING, conditions):
        return 0
    filters = encode_filters(conditions)
    filters["dangling"] = {"false" if everything else "true": True}
    answer = context.api.post("/images/prune", {"filters": filters})
    gone = answer.get("ImagesDeleted") or []
    if gone:
        context.say("Deleted Images:")
        for step in gone:
            deleted = step.get("Deleted")
            context.say(f"deleted: {deleted}" if deleted else f"untagged: {step['Untagged']}")
        context.say("")
    context.say(f"Total reclaimed space: {size(answer.get('SpaceReclaimed') or 0, 4)}")
    return 0


COMMAND = Command("Remove images that nothing needs", run, flags=FLAGS)
