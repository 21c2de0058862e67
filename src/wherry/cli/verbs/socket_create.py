"""`wherry socket create`."""

from __future__ import annotations

from wherry.cli.command import Command
from wherry.cli.flags import Flag
from wherry.cli.run.keyvaluefiles import key_values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options

FLAGS = (
    Flag("allow", "", "strings", "What may be done: read, run, container, image:pull, ..."),
    Flag("bind-root", "", "string", "Directory below which binds are allowed"),
    Flag("image", "", "strings", "Names of images that may be used and changed (pattern)"),
    Flag("label", "l", "list", "Show only what carries the label, and put it on what is made"),
    Flag("owner", "", "string", "Who may connect, USER[:GROUP] (root)"),
    Flag("path", "", "string", "Where the socket is made"),
    Flag("ttl", "", "duration", "Remove the socket after this time (1h30m)"),
)


def run(context: Context, options: Options, arguments: list[str]) -> None:
    """Make it and say where it is."""
    body = {
        "Name": arguments[0],
        "Allow": options.list("allow"),
        "Labels": key_values(options.list("label")),
        "TTL": options.number("ttl"),
        "Path": options.text("path"),
        "Owner": options.text("owner"),
        "BindRoot": options.text("bind-root"),
        "Images": options.list("image"),
    }
    answer = context.api.post("/wherry/sockets/create", None, body)
    context.say(answer["Path"])


COMMAND = Command(
    "Make a socket that gives a part of the engine", run, arguments="NAME", flags=FLAGS, least=1,
    most=1,
)  # fmt: skip
