"""`wherry system shutdown`: the daemon, its helpers and all containers end."""

from __future__ import annotations

from wherry.cli.command import Command
from wherry.cli.failures import Failure, Unreachable
from wherry.cli.flags import Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options

FLAGS = (
    Flag("timeout", "t", "int", "Seconds to wait for each container before killing it", default=10),
)


def run(context: Context, options: Options, arguments: list[str]) -> None:
    """Ask the daemon to end everything, and wait until it is gone."""
    api = context.api
    api.start_daemon = False  # never start one only to end it
    try:
        pending = api.begin("POST", "/wherry/system/shutdown", {"t": options.number("timeout")})
    except Unreachable:
        context.warn(f"No wherry daemon answers at {api.host.text}; nothing to end.")
        return
    try:
        pending.result()
    except Failure as failure:
        if "ended in the middle" not in failure.message:
            raise
    _wait_until_gone(context)


def _wait_until_gone(context: Context) -> None:
    import time

    for _ in range(500):
        try:
            context.api.connect().close()
        except Unreachable:
            return
        time.sleep(0.02)
    raise Failure(f"the daemon at {context.api.host.text} still answers")


COMMAND = Command("End the daemon and every container", run, flags=FLAGS)
