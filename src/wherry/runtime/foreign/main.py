"""The one-shot launcher: makes one process by another runtime's command line, then ends.

To the keeper it is a launcher like the other: it gets the same message and gives the same answer
(`wherry.runtime.protocol`). It is not warm and not kept, because the runtimes themselves take tens
of milliseconds, and so that the keeper stays as small as it is.

The runtime is our child and leaves the container's first process behind; the keeper, as the
subreaper above us, becomes that one's parent, which is what makes exit codes and streams survive
the daemon. We answer when the program runs.

Started as `python -IS -c "...; from wherry.runtime.foreign.main import main; main()"` with the
keeper's packet socket as descriptor 3.
"""

from __future__ import annotations

import _socket
import os
import sys

from wherry import jsontext
from wherry.kernel import process, pty
from wherry.kernel.fd import close_all
from wherry.runtime import protocol
from wherry.runtime.failure import Failure, text_of
from wherry.runtime.foreign import identity, shelter
from wherry.runtime.foreign.commandline import CommandLine, Console
from wherry.runtime.outside import named
from wherry.runtime.start import Child

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Plan = dict[str, Any]
    Made = tuple[int, list[int]]

SOCKET = 3
_FIRST, _FURTHER = "init", "exec"


def main() -> None:
    """Serve the one request that waits on the socket."""
    process.reset_signals()
    socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET, 0, SOCKET)
    os.set_inheritable(SOCKET, False)
    received = protocol.receive(socket)
    if received is None:
        return  # the keeper has gone
    message, fds = received
    try:
        protocol.send(socket, *_answer(message, fds))
    except (BrokenPipeError, ConnectionResetError):
        sys.stderr.write("one-shot launcher: the keeper went away\n")


def _answer(message: dict[str, Any], fds: list[int]) -> tuple[dict[str, Any], list[int]]:
    stdin, stdout, stderr = (fds[at] if at >= 0 else -1 for at in message["stdio"])
    child = Child(fds[message["status"]], (stdin, stdout, stderr), fds)
    plan = message["plan"]
    make = start if plan["op"] == "launch" else execute
    try:
        pid, given = make(plan, child, message["terminal"])
        return {"re": message["seq"], "pid": pid}, given
    except Failure as failure:
        error = protocol.failure(failure.step or "launch", failure.errno, failure.text)
    except OSError as failed:
        error = protocol.failure("launch", failed.errno or 0, text_of(failed))
    return {"re": message["seq"], "error": error}, []


def start(plan: Plan, child: Child, terminal: bool) -> Made:
    """Create and start the container. Raises Failure, and nothing of it is left then."""
    child.stage = plan["directory"]
    opened: list[int] = []
    shelter.enter(plan["hide"])
    try:
        sources = shelter.furnish(plan, child, opened)
        spec = _completed(plan, child, sources, terminal)
        _write(f"{plan['directory']}/config.json", spec)
        runtime = CommandLine(plan["runtime"], plan["directory"], "log.json")
        try:
            made = _spawn(runtime, plan, child, spec["process"], terminal)
            runtime.run("start", plan["id"])
        except Failure:
            _clear(runtime, plan["id"])
            raise
        return made[0], [*made[1], os.dup(child.root)]
    finally:
        close_all(opened)


def execute(plan: Plan, child: Child, terminal: bool) -> Made:
    """Start a further process in a running container. Raises Failure."""
    wanted = plan["process"]
    identity.fill_in(wanted, plan["user"], child.fds[1])
    wanted["terminal"] = terminal
    file = f"{plan['directory']}/{plan['name']}.process"
    shelter.enter(plan["hide"])
    try:
        _write(file, wanted)
        runtime = CommandLine(plan["runtime"], plan["directory"], f"{plan['name']}.log")
        return _spawn(runtime, plan, child, wanted, terminal, file)
    finally:
        _remove(file)


def _completed(plan: Plan, child: Child, sources: list[str], terminal: bool) -> Plan:
    """The spec with everything in it that is known only now."""
    spec: Plan = plan["spec"]
    spec["root"] = {**(spec.get("root") or {}), "path": shelter.ROOT}
    for mount, source in plan["mounts"].items():
        spec["mounts"][mount]["source"] = sources[source]
    for row, (_, number) in plan["namespaces"].items():
        # By our own process: the runtime's children are others, but we outlive its start.
        spec["linux"]["namespaces"][row]["path"] = f"/proc/{os.getpid()}/fd/{child.fds[number]}"
    identity.fill_in(spec["process"], plan["user"], child.root)
    spec["process"]["terminal"] = terminal
    return spec


def _spawn(
    runtime: CommandLine,
    plan: Plan,
    child: Child,
    wanted: Plan,
    terminal: bool,
    file: str = "",
) -> Made:
    """Run create, or with `file` (a process object) exec; the new process and its pidfd."""
    name = plan.get("name") or _FIRST
    pid_file = f"{plan['directory']}/{name}.pid"
    verb = (
        ("exec", "--detach", "--process", file)
        if file
        else ("create", "--bundle", plan["directory"])
    )
    console = None
    if terminal:
        console = Console(plan["directory"], f"{name[:12]}.sock", _taker(child, wanted))
    words = (*verb, "--pid-file", pid_file)
    words += ("--console-socket", console.path) if console else ()
    try:
        stdio = (-1, -1, -1) if terminal else child.stdio
        runtime.run(*words, plan["id"], stdio=stdio, tasks=plan["tasks"], console=console)
        pid = int(named("runtime", _read, pid_file))
        return pid, [named("runtime", process.pidfd_open, pid)]
    finally:
        _remove(pid_file)
        if console:
            console.close()


def _taker(child: Child, wanted: Plan) -> Any:
    """What is done with a terminal: its size set, and handed to the keeper."""
    size = wanted.get("consoleSize")

    def take(master: int) -> None:
        if size:
            pty.set_winsize(master, size["height"], size["width"])
        socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET, 0, child.status)
        try:
            protocol.send(socket, {"pty": True}, [master])
        finally:
            socket.detach()
            os.close(master)

    return take


def _clear(runtime: CommandLine, id: str) -> None:
    try:
        runtime.run("delete", "--force", id)
    except Failure:
        pass  # it was never made; the daemon clears up after a failure, too


def _write(path: str, value: object) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(fd, "w", encoding="utf-8") as file:
        file.write(jsontext.encode(value))


def _read(path: str) -> str:
    with open(path, encoding="ascii") as file:
        return file.read()


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
