"""`wherry rename`."""

from __future__ import annotations

from wherry.cli.command import Command
from wherry.cli.each import container_path
from wherry.cli.failures import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options


def run(context: Context, options: Options, arguments: list[str]) -> None:
    """Give the container its new name."""
    old, new = (name.strip() for name in arguments)
    if not old or not new:
        raise Failure("Error: Neither old nor new names may be empty")
    try:
        context.api.post(container_path(old, "rename"), {"name": new})
    except Failure as failure:
        text = f"{failure.message}\nError: failed to rename container named {old}"
        raise Failure(text) from None


COMMAND = Command(
    "Give a container another name",
    run,
    arguments="CONTAINER NEW_NAME",
    least=2,
    most=2,
    complete="containers",
)
