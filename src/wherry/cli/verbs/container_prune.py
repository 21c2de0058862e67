"""`wherry container prune`."""

from __future__ import annotations

from wherry.cli.command import Command
from wherry.cli.pruning import FILTER, FORCE, Pruning

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options

_PRUNING = Pruning(
    "/containers/prune",
    "This will remove all stopped containers.",
    "ContainersDeleted",
    "Deleted Containers",
)


def run(context: Context, options: Options, arguments: list[str]) -> int:
    """Remove every container that does not run."""
    return _PRUNING.run(context, options)


COMMAND = Command("Remove all stopped containers", run, flags=(FILTER, FORCE))
