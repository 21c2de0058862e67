"""POST /containers/{name}/attach and GET /containers/{name}/logs: a container's streams."""

from __future__ import annotations

from wherry.api import detachkeys
from wherry.api.call import Call
from wherry.api.conversation import converse
from wherry.api.stream import RAW, content_type, framed
from wherry.engine.values.streams import Attachment, AttachRequest, LogsRequest
from wherry.errors import Invalid, Unsupported
from wherry.http.duplex import Duplex
from wherry.http.message import Answer, Hijack, Stream


async def attach(call: Call) -> Answer:
    """Connect to the streams. The engine is attached before the client is told, so that nothing
    said after a start that follows is lost."""
    query = call.query
    keys = detachkeys.parse(query.text("detachKeys"))
    request = AttachRequest(
        stdin=query.flag("stdin"),
        stdout=query.flag("stdout"),
        stderr=query.flag("stderr"),
        logs=query.flag("logs"),
        stream=query.flag("stream"),
    )
    await call.request.body.discard(0)
    attachment = await call.engine.containers.attach(call.path["name"], request)
    return taken_over(call, attachment, tty=attachment.tty, stdin=request.stdin, keys=keys)


def taken_over(
    call: Call, attachment: Attachment, *, tty: bool, stdin: bool, keys: bytes
) -> Hijack:
    """Return the answer that turns the connection into the attachment's streams."""

    async def run(duplex: Duplex) -> None:
        await converse(duplex, attachment, stdin=stdin, detach_keys=keys)

    return Hijack(run, {"Content-Type": hijack_type(call, tty=tty)})


def hijack_type(call: Call, *, tty: bool) -> str:
    """Return the media type; without an upgrade dockerd names the raw one whatever follows."""
    return content_type(tty=tty, version=call.version) if call.request.upgrade else RAW


async def attach_websocket(call: Call) -> Answer:
    """Refuse: not there yet."""
    raise Unsupported(
        "attaching over a websocket is not supported",
        hint="use POST /containers/{id}/attach with Upgrade: tcp",
    )


async def logs(call: Call) -> Answer:
    """Send the log as a stream of frames, or raw for a terminal."""
    query = call.query
    request = LogsRequest(
        stdout=query.flag("stdout"),
        stderr=query.flag("stderr"),
        follow=query.flag("follow"),
        timestamps=query.flag("timestamps"),
        details=query.flag("details"),
        since=query.timestamp("since") or None,
        until=query.timestamp("until") or None,
        tail=_tail(query.text("tail")),
    )
    if not (request.stdout or request.stderr):
        raise Invalid("Bad parameters: you must choose at least one stream")
    log = await call.engine.containers.logs(call.path["name"], request)
    headers = {"Content-Type": content_type(tty=log.tty, version=call.version)}
    return Stream(200, headers, framed(log.chunks, tty=log.tty))


def _tail(text: str) -> int | None:
    """Return how many lines; like dockerd, anything that is no number means all."""
    return int(text) if text.isascii() and text.isdigit() else None
