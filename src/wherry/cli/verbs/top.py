"""`wherry top`."""

from __future__ import annotations

from wherry.cli.command import ANY, Command
from wherry.cli.each import container_path
from wherry.cli.output import STDOUT, write_text
from wherry.cli.tables import align

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options

_LEAST_WIDTH = 20


def run(context: Context, options: Options, arguments: list[str]) -> None:
    """Show what `ps` says of the container's processes; further words are ps's options."""
    name, *ps_options = arguments
    top = context.api.get(container_path(name, "top"), {"ps_args": " ".join(ps_options)})
    rows = [top["Titles"], *(top.get("Processes") or [])]
    write_text(STDOUT, align(("\t".join(row) for row in rows), least=_LEAST_WIDTH))


COMMAND = Command(
    "Show the processes of a container",
    run,
    arguments="CONTAINER [ps OPTIONS]",
    least=1,
    most=ANY,
    interspersed=False,
    complete="running",
)
