"""`wherry volume create`."""

from __future__ import annotations

from wherry.cli.command import Command
from wherry.cli.flags import Flag
from wherry.cli.run.keyvaluefiles import key_values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options

FLAGS = (
    Flag("driver", "d", "string", "Driver of the volume", default="local"),
    Flag("label", "", "list", "Label the volume (KEY=VALUE)"),
    Flag("name", "", "string", "Name of the volume"),
    Flag("opt", "o", "list", "Option of the driver: type=, device=, o="),
)


def run(context: Context, options: Options, arguments: list[str]) -> None:
    """Make it, or find it made, and say its name."""
    body = {
        "Name": arguments[0] if arguments else options.text("name"),
        "Driver": options.text("driver"),
        "DriverOpts": key_values(options.list("opt")),
        "Labels": key_values(options.list("label")),
    }
    context.say(context.api.post("/volumes/create", None, body)["Name"])


COMMAND = Command("Make a volume", run, arguments="[VOLUME]", flags=FLAGS, most=1)
