"""`wherry volume prune`."""

from __future__ import annotations

from wherry.cli.command import Command
from wherry.cli.flags import Flag
from wherry.cli.pruning import FILTER, FORCE, Pruning

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options

FLAGS = (Flag("all", "a", "bool", "Remove volumes that have a name too"), FILTER, FORCE)

_ANONYMOUS = "This will remove anonymous local volumes not used by at least one container."
_ALL = "This will remove all local volumes not used by at least one container."


def run(context: Context, options: Options, arguments: list[str]) -> int:
    """Remove the volumes that no container names."""
    everything = options.on("all")
    warning = _ALL if everything else _ANONYMOUS
    pruning = Pruning("/volumes/prune", warning, "VolumesDeleted", "Deleted Volumes")
    return pruning.run(context, options, {"all": {"true": True}} if everything else None)


COMMAND = Command("Remove volumes that no container uses", run, flags=FLAGS)
