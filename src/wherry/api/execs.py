"""Exec: further processes in a running container."""

from __future__ import annotations

import base64

from wherry.api import detachkeys
from wherry.api.answers import json_response
from wherry.api.attach import hijack_type
from wherry.api.call import Call
from wherry.api.containers import terminal_size
from wherry.api.conversation import converse
from wherry.api.schema.body import read
from wherry.api.status import error_message
from wherry.api.stream import frame
from wherry.engine.containers.record import Exec
from wherry.engine.values.execs import ExecConfig, ExecStart
from wherry.engine.values.streams import STDOUT
from wherry.errors import Invalid, WherryError
from wherry.http.duplex import Duplex
from wherry.http.message import Answer, Hijack, Response


async def create(call: Call) -> Answer:
    """POST /containers/{name}/exec."""
    config = await read(call.request, ExecConfig, "container.ExecOptions")
    if not config.cmd:
        raise Invalid("no exec command specified")
    detachkeys.parse(config.detach_keys)
    id = await call.engine.execs.create(call.path["name"], config)
    return json_response({"Id": id}, 201)


async def start(call: Call) -> Answer:
    """POST /exec/{id}/start.

    As with dockerd the connection is taken over first and the process started then: whatever goes
    wrong is told in the stream, and the exit code (126, 127) by inspect.
    """
    request = await read(call.request, ExecStart, "container.ExecStartOptions")
    exec = await call.engine.execs.get(call.path["id"])
    if request.detach:
        await call.engine.execs.start(exec.id, request)
        return Response(200)

    async def run(duplex: Duplex) -> None:
        await _run(call, exec, request, duplex)

    return Hijack(run, {"Content-Type": hijack_type(call, tty=request.tty)})


async def _run(call: Call, exec: Exec, request: ExecStart, duplex: Duplex) -> None:
    try:
        attachment = await call.engine.execs.start(exec.id, request)
    except WherryError as error:
        message = f"{error_message(error)}\r\n".encode()
        await duplex.write(message if request.tty else frame(STDOUT, message))
        return
    if attachment is not None:
        stdin, keys = exec.config.attach_stdin, detachkeys.parse(exec.config.detach_keys)
        await converse(duplex, attachment, stdin=stdin, detach_keys=keys)


async def resize(call: Call) -> Answer:
    """POST /exec/{id}/resize."""
    rows, columns = terminal_size(call.query)
    await call.engine.execs.resize(call.path["id"], rows, columns)
    return Response(200)


async def inspect(call: Call) -> Answer:
    """GET /exec/{id}/json."""
    return json_response(rendered(await call.engine.execs.get(call.path["id"])))


def rendered(exec: Exec) -> dict[str, object]:
    """Return an exec as Docker shows it."""
    config = exec.config
    entrypoint, *arguments = config.cmd or ("",)
    return {
        "ID": exec.id,
        "Running": exec.running,
        "ExitCode": exec.exit_code,
        "ProcessConfig": {
            "tty": config.tty,
            "entrypoint": entrypoint,
            "arguments": arguments,
            "privileged": config.privileged,
            **({"user": config.user} if config.user else {}),
        },
        "OpenStdin": config.attach_stdin,
        "OpenStderr": config.attach_stderr,
        "OpenStdout": config.attach_stdout,
        "CanRemove": False,
        "ContainerID": exec.container_id,
        "DetachKeys": _base64(detachkeys.parse(config.detach_keys) if config.detach_keys else b""),
        "Pid": exec.pid,
    }


def _base64(data: bytes) -> str:
    """Return bytes as Go's JSON does."""
    return base64.b64encode(data).decode("ascii")
