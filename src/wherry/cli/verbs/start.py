"""`wherry start`."""

from __future__ import annotations

from wherry.cli.attachment import check_terminal, converse, exit_status, forward_signals
from wherry.cli.command import ANY, Command
from wherry.cli.each import container_path, send_all
from wherry.cli.failures import STATUS_FAILED, Failure
from wherry.cli.flags import Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options

FLAGS = (
    Flag("attach", "a", "bool", "Show its output and pass signals on"),
    Flag("checkpoint", "", "string", "Go on from this checkpoint", hidden=True),
    Flag("checkpoint-dir", "", "string", "Where checkpoints are", hidden=True),
    Flag("detach-keys", "", "string", "Keys that leave the container (ctrl-p,ctrl-q)"),
    Flag("interactive", "i", "bool", "Give it our stdin"),
)


def run(context: Context, options: Options, arguments: list[str]) -> int:
    """Start each; with -a or -i be the terminal of the only one."""
    if not options.on("attach") and not options.on("interactive"):
        return _start_all(context, options, arguments)
    if len(arguments) > 1:
        raise Failure("you cannot start and attach multiple containers at once")
    return _start_attached(context, options, arguments[0])


def _start_all(context: Context, options: Options, names: list[str]) -> int:
    query = _query(options)
    results = send_all(
        names, lambda name: context.api.begin("POST", container_path(name, "start"), query)
    )
    failed = []
    for name, failure in results:
        if failure is None:
            context.say(name)
        else:
            context.warn(failure.message)
            failed.append(name)
    if failed:
        context.warn(f"Error: failed to start containers: {', '.join(failed)}")
    return STATUS_FAILED if failed else 0


def _query(options: Options) -> dict[str, object]:
    return {
        "checkpoint": options.text("checkpoint"),
        "checkpoint-dir": options.text("checkpoint-dir"),
    }


def _start_attached(context: Context, options: Options, name: str) -> int:
    api, keys = context.api, options.text("detach-keys")
    facts = api.get(container_path(name, "json"))
    terminal = facts["Config"]["Tty"]
    stdin = options.on("interactive") and facts["Config"]["OpenStdin"]
    check_terminal(stdin=stdin, terminal=terminal)
    container = facts["Id"]
    if not terminal:
        forward_signals(api, container)
    query = {
        "stream": True,
        "stdin": stdin,
        "stdout": True,
        "stderr": True,
        "detachKeys": keys,
    }
    connection = api.hijack(container_path(container, "attach"), query)
    condition = "removed" if facts["HostConfig"]["AutoRemove"] else "next-exit"
    waiting = api.begin("POST", container_path(container, "wait"), {"condition": condition})

    def begin() -> None:
        api.post(container_path(container, "start"), _query(options))

    target = container_path(container)
    if converse(api, connection, target, stdin=stdin, terminal=terminal, keys=keys, begin=begin):
        return 0
    return exit_status(waiting)


COMMAND = Command(
    "Start stopped containers",
    run,
    arguments="CONTAINER [CONTAINER...]",
    flags=FLAGS,
    least=1,
    most=ANY,
    complete="containers",
)
