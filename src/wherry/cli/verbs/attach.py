"""`wherry attach`."""

from __future__ import annotations

from wherry.cli.attachment import DETACHED, check_terminal, converse, exit_status, forward_signals
from wherry.cli.command import Command
from wherry.cli.each import container_path
from wherry.cli.failures import STATUS_FAILED, Failure
from wherry.cli.flags import Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.cli.context import Context
    from wherry.cli.flags import Options

FLAGS = (
    Flag("detach-keys", "", "string", "Keys that leave the container (ctrl-p,ctrl-q)"),
    Flag("no-stdin", "", "bool", "Only watch"),
    Flag("sig-proxy", "", "bool", "Pass signals on to the process", default=True),
)


def run(context: Context, options: Options, arguments: list[str]) -> int:
    """Join our streams to those of a running container; its exit status becomes ours."""
    api, keys = context.api, options.text("detach-keys")
    facts = api.get(container_path(arguments[0], "json"))
    _check_state(facts["State"])
    terminal = facts["Config"]["Tty"]
    stdin = facts["Config"]["OpenStdin"] and not options.on("no-stdin")
    check_terminal(stdin=stdin, terminal=terminal)
    container = facts["Id"]
    if options.on("sig-proxy") and not terminal:
        forward_signals(api, container)
    waiting = api.begin("POST", container_path(container, "wait"))
    query = {
        "stream": True,
        "stdin": stdin,
        "stdout": True,
        "stderr": True,
        "detachKeys": keys,
    }
    connection = api.hijack(container_path(container, "attach"), query)
    target = container_path(container)
    if converse(api, connection, target, stdin=stdin, terminal=terminal, keys=keys, redraw=True):
        context.warn(DETACHED)
        return STATUS_FAILED
    return exit_status(waiting)


def _check_state(state: Any) -> None:
    if not state["Running"]:
        raise Failure("You cannot attach to a stopped container, start it first")
    if state["Paused"]:
        raise Failure("You cannot attach to a paused container, unpause it first")
    if state.get("Restarting"):
        raise Failure("You cannot attach to a restarting container, wait until it is running")


COMMAND = Command(
    "Join stdin, stdout and stderr to a running container",
    run,
    arguments="CONTAINER",
    flags=FLAGS,
    least=1,
    most=1,
    complete="running",
)
