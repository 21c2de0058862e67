"""`wherry pull`, `wherry image pull`."""

from __future__ import annotations

from wherry.cli.command import Command
from wherry.cli.credentials.store import auth_headers
from wherry.cli.failures import Failure
from wherry.cli.flags import Flag
from wherry.cli.output import STDOUT
from wherry.cli.progress import show_messages
from wherry.cli.pulling import full_name, has_tag, split_tag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options

FLAGS = (
    Flag("all-tags", "a", "bool", "Fetch every tag of the repository"),
    Flag("platform", "", "string", "Fetch this platform (os/architecture), or all of them (all)"),
    Flag("quiet", "q", "bool", "Say only the image's name"),
)


def run(context: Context, options: Options, arguments: list[str]) -> None:
    """Fetch an image, or every image of a repository."""
    image, quiet = arguments[0], options.on("quiet")
    full = full_name(image)
    query: dict[str, object] = {"platform": options.text("platform")}
    if options.on("all-tags"):
        if has_tag(image):
            raise Failure("tag can't be used with --all-tags/-a")
        query["fromImage"] = image
    else:
        query["fromImage"], query["tag"] = split_tag(image)
        if not has_tag(image):
            full += ":latest"
            if not quiet:
                context.say("Using default tag: latest")
    headers = auth_headers(context, image)
    response = context.api.request("POST", "/images/create", query, headers=headers)
    show_messages(response.pieces(), STDOUT, quiet=quiet)
    context.say(full)


COMMAND = Command(
    "Fetch an image from a registry",
    run,
    arguments="NAME[:TAG|@DIGEST]",
    flags=FLAGS,
    least=1,
    most=1,
    complete="images",
)
