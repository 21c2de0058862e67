"""`wherry network prune`."""

from __future__ import annotations

from wherry.cli.command import Command
from wherry.cli.filters import encode_filters
from wherry.cli.pruning import FILTER, FORCE, confirmed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options

_WARNING = "This will remove all custom networks not used by at least one container."


def run(context: Context, options: Options, arguments: list[str]) -> None:
    """Remove the networks that no container uses."""
    conditions = options.list("filter")
    if not options.on("force") and not confirmed(_WARNING, conditions):
        return
    answer = context.api.post("/networks/prune", {"filters": encode_filters(conditions)})
    gone = answer.get("NetworksDeleted") or []
    if gone:
        context.say("\n".join(["Deleted Networks:", *gone, ""]))


COMMAND = Command("Remove networks that no container uses", run, flags=(FILTER, FORCE))
