"""`wherry image inspect`."""

from __future__ import annotations

from wherry.cli.api import quote
from wherry.cli.command import ANY, Command
from wherry.cli.flags import Flag
from wherry.cli.formatflag import OBJECT_FORMAT
from wherry.cli.inspection import inspect_each
from wherry.cli.platforms import platform_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options

FLAGS = (
    OBJECT_FORMAT,
    Flag("platform", "", "string", "Show this platform of the image (os/architecture)"),
)


def run(context: Context, options: Options, arguments: list[str]) -> int:
    """Print everything about each image."""
    query = {"platform": platform_json(options.text("platform"))}
    return inspect_each(
        context,
        arguments,
        options.text("format"),
        lambda name: context.api.get(f"/images/{quote(name)}/json", query),
    )


COMMAND = Command(
    "Show everything about images",
    run,
    arguments="IMAGE [IMAGE...]",
    flags=FLAGS,
    least=1,
    most=ANY,
    complete="images",
)
