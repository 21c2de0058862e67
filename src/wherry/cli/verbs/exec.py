"""`wherry exec`."""

from __future__ import annotations

import os

from wherry.cli.attachment import DETACHED, check_terminal, converse
from wherry.cli.command import ANY, Command
from wherry.cli.each import container_path
from wherry.cli.failures import STATUS_FAILED, Failure
from wherry.cli.flags import Flag
from wherry.cli.output import STDOUT
from wherry.cli.run.checks import variable
from wherry.cli.run.keyvaluefiles import read_variables
from wherry.cli.terminal import window_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.cli.context import Context
    from wherry.cli.flags import Options

FLAGS = (
    Flag("detach", "d", "bool", "Leave it running"),
    Flag("detach-keys", "", "string", "Keys that leave the process (ctrl-p,ctrl-q)"),
    Flag("env", "e", "list", "Set an environment variable", check=variable),
    Flag("env-file", "", "list", "Read environment variables from a file"),
    Flag("interactive", "i", "bool", "Keep stdin open"),
    Flag("privileged", "", "bool", "Give the process every privilege"),
    Flag("tty", "t", "bool", "Give it a terminal"),
    Flag("user", "u", "string", "User and group, by name or number (user[:group])"),
    Flag("workdir", "w", "string", "Folder to start in"),
)


def run(context: Context, options: Options, arguments: list[str]) -> int:
    """Run a further process in a container; its exit status becomes ours."""
    request = _request(options, arguments[1:])
    api = context.api
    if not options.on("detach") and request["AttachStdin"] and request["Tty"]:
        # Docker looks the container up first; a missing one is the better news.
        api.get(container_path(arguments[0], "json"))
        check_terminal(stdin=True, terminal=True)
    made = api.post(container_path(arguments[0], "exec"), None, request)["Id"]
    if not made:
        raise Failure("exec ID empty")
    target = f"/exec/{made}"
    if options.on("detach"):
        api.post(f"{target}/start", None, {"Detach": True, "Tty": request["Tty"]})
        return 0
    return _converse(context, options, request, target)


def _converse(context: Context, options: Options, request: dict[str, Any], target: str) -> int:
    start = {"Detach": False, "Tty": request["Tty"]}
    if "ConsoleSize" in request:
        start["ConsoleSize"] = request["ConsoleSize"]
    connection = context.api.hijack(f"{target}/start", None, start)
    detached = converse(
        context.api,
        connection,
        target,
        stdin=request["AttachStdin"],
        terminal=request["Tty"],
        keys=options.text("detach-keys"),
    )
    if detached:
        context.warn(DETACHED)
        return STATUS_FAILED
    return int(context.api.get(f"{target}/json").get("ExitCode") or 0)


def _request(options: Options, words: list[str]) -> dict[str, Any]:
    variables: list[str] = []
    for path in options.list("env-file"):
        variables += read_variables(path, os.environ)
    attached = not options.on("detach")
    request = {
        "AttachStdin": attached and options.on("interactive"),
        "AttachStdout": attached,
        "AttachStderr": attached,
        "Cmd": words,
        "DetachKeys": options.text("detach-keys"),
        "Env": variables + options.list("env"),
        "Privileged": options.on("privileged"),
        "Tty": options.on("tty"),
        "User": options.text("user"),
        "WorkingDir": options.text("workdir"),
    }
    size = window_size(STDOUT)
    return request | ({"ConsoleSize": list(size)} if options.on("tty") and any(size) else {})


COMMAND = Command(
    "Run a further process in a running container",
    run,
    arguments="CONTAINER COMMAND [ARG...]",
    flags=FLAGS,
    least=2,
    most=ANY,
    interspersed=False,
    complete="running",
)
