"""`wherry run`: make a container, start it, and be its terminal."""

from __future__ import annotations

from wherry.cli.attachment import check_terminal, converse, exit_status, forward_signals
from wherry.cli.command import ANY, Command
from wherry.cli.creation import cannot_run, create_container
from wherry.cli.detachkeys import parse_keys
from wherry.cli.each import container_path
from wherry.cli.failures import ApiFailure, Failure
from wherry.cli.flags import Flag
from wherry.cli.run.flags import CONTAINER_FLAGS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.cli.api import Pending
    from wherry.cli.context import Context
    from wherry.cli.flags import Options

FLAGS = (
    *CONTAINER_FLAGS,
    Flag("detach", "d", "bool", "Leave it running and show its id"),
    Flag("detach-keys", "", "string", "Keys that leave the container (ctrl-p,ctrl-q)"),
    Flag("sig-proxy", "", "bool", "Pass signals on to the process", default=True),
)


def run(context: Context, options: Options, arguments: list[str]) -> int:
    """Create, attach, start, and stay until it ends; its exit status becomes ours."""
    detach = options.on("detach")
    if detach and options.list("attach"):
        raise Failure("conflicting options: cannot specify both --attach and --detach")
    wants_stdin = options.on("interactive") or "stdin" in options.list("attach")
    if not detach:
        check_terminal(stdin=wants_stdin, terminal=options.on("tty"))
    parse_keys(options.text("detach-keys"))
    if detach:
        return _run_detached(context, options, arguments)
    container, request = create_container(context, options, arguments, "run")
    return _run_attached(context, options, container, request)


def _run_detached(context: Context, options: Options, arguments: list[str]) -> int:
    container, _ = create_container(context, options, arguments, "run", detached=True)
    context.say(container)
    _start(context, container)
    return 0


def _run_attached(
    context: Context, options: Options, container: str, request: dict[str, Any]
) -> int:
    api = context.api
    if options.on("sig-proxy"):
        forward_signals(api, container)
    query = {
        "stream": True,
        "stdin": request["AttachStdin"],
        "stdout": request["AttachStdout"],
        "stderr": request["AttachStderr"],
        "detachKeys": options.text("detach-keys"),
    }
    connection = api.hijack(container_path(container, "attach"), query)
    # Asked for before the start, so that an exit right after it is not missed.
    condition = "removed" if options.on("rm") else "next-exit"
    waiting = api.begin("POST", container_path(container, "wait"), {"condition": condition})
    detached = converse(
        api,
        connection,
        container_path(container),
        stdin=request["AttachStdin"],
        terminal=request["Tty"],
        keys=options.text("detach-keys"),
        begin=lambda: _start(context, container, waiting if options.on("rm") else None),
    )
    return 0 if detached else exit_status(waiting)


def _start(context: Context, container: str, waiting: Pending | None = None) -> None:
    """Start it. When that fails and it is to be removed, wait until it is, then report."""
    try:
        context.api.post(container_path(container, "start"))
    except ApiFailure as failure:
        if waiting is not None:
            _let_finish(waiting)
        raise cannot_run(failure, "run") from None


def _let_finish(waiting: Pending) -> None:
    try:
        waiting.result()
    except Failure:
        return  # the start's own failure is what the user is told


COMMAND = Command(
    "Make a container from an image and start it",
    run,
    arguments="IMAGE [COMMAND] [ARG...]",
    flags=FLAGS,
    least=1,
    most=ANY,
    interspersed=False,
    complete="images",
)
