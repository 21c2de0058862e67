"""`wherry push`, `wherry image push`."""

from __future__ import annotations

from wherry.cli.api import quote
from wherry.cli.command import Command
from wherry.cli.credentials.store import auth_headers
from wherry.cli.failures import Failure
from wherry.cli.flags import Flag
from wherry.cli.output import STDOUT
from wherry.cli.platforms import platform_json
from wherry.cli.progress import show_messages
from wherry.cli.pulling import full_name, has_tag, split_tag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.cli.context import Context
    from wherry.cli.flags import Options

FLAGS = (
    Flag("all-tags", "a", "bool", "Send every tag of the repository"),
    Flag("platform", "", "string", "Send only this platform (os/architecture)"),
    Flag("quiet", "q", "bool", "Say only the image's name"),
)
_NOTE = "manifestPushedInsteadOfIndex"


def run(context: Context, options: Options, arguments: list[str]) -> None:
    """Send an image, or every image of a repository."""
    image, quiet = arguments[0], options.on("quiet")
    full, name, tag = full_name(image), image, ""
    if options.on("all-tags"):
        if has_tag(image):
            raise Failure("tag can't be used with --all-tags/-a")
    else:
        name, tag = split_tag(image)
        if not has_tag(image):
            full += ":latest"
            if not quiet:
                context.say("Using default tag: latest")
    response = context.api.request(
        "POST",
        f"/images/{quote(name)}/push",
        {"tag": tag, "platform": platform_json(options.text("platform"))},
        # A push without credentials still has to say so: an empty object.
        headers={"X-Registry-Auth": "e30=", **auth_headers(context, image)},
    )
    for aux in show_messages(response.pieces(), STDOUT, quiet=quiet):
        if not quiet and aux.get(_NOTE):
            context.warn(_instead(aux))
    if quiet:
        context.say(full)


def _instead(aux: Any) -> str:
    return (
        f"Info: not every platform of the image is here, so {aux['selectedManifest']['digest']} "
        f"was sent instead of the index {aux['originalIndex']['digest']}; "
        "`wherry pull --platform all` fetches the others"
    )


COMMAND = Command(
    "Send an image to a registry",
    run,
    arguments="NAME[:TAG]",
    flags=FLAGS,
    least=1,
    most=1,
    complete="images",
)
