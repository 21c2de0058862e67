"""`wherry volume import`."""

from __future__ import annotations

from wherry.cli.api import quote
from wherry.cli.command import Command
from wherry.cli.session import STDIN
from wherry.cli.transfers import Meter, open_source, read_pieces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options


def run(context: Context, options: Options, arguments: list[str]) -> None:
    """Send the archive; what it holds replaces files of the same names."""
    name, source = arguments
    fd, total = (STDIN, 0) if source == "-" else open_source(source)
    meter = Meter("Sending archive", total)
    headers = {"Content-Type": "application/x-tar"}
    path = f"/volumes/{quote(name)}/import"
    context.api.request("POST", path, None, read_pieces(fd, meter), headers).read()
    meter.close()


COMMAND = Command(
    "Unpack a tar archive into a volume",
    run,
    arguments="VOLUME FILE|-",
    least=2,
    most=2,
    complete="volumes",
)
