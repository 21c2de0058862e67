"""What `stop` and `restart` share: flags, and how they become a query."""

from __future__ import annotations

from wherry.cli.each import post_each
from wherry.cli.flags import Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options

FLAGS = (
    Flag("signal", "s", "string", "Signal to send first"),
    Flag("timeout", "t", "int", "Seconds to wait before killing; -1 waits for ever"),
    Flag("time", "", "int", stands_for="timeout"),
)


def stop_each(context: Context, options: Options, names: list[str], action: str) -> int:
    """POST /containers/NAME/ACTION for each container, all at once. Exit status."""
    timeout = str(options.number("timeout")) if options.is_given("timeout") else None
    return post_each(context, names, action, {"signal": options.text("signal"), "t": timeout})
