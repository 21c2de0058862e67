"""`wherry tag`."""

from __future__ import annotations

from wherry.cli.api import quote
from wherry.cli.command import Command
from wherry.cli.references import check_reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options


def run(context: Context, options: Options, arguments: list[str]) -> None:
    """Give the image one more name."""
    source, target = arguments
    name, tag = check_reference(target)
    context.api.post(f"/images/{quote(source)}/tag", {"repo": name, "tag": tag or "latest"})


COMMAND = Command(
    "Give an image one more name",
    run,
    arguments="SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
    least=2,
    most=2,
    complete="images",
)
