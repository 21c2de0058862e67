"""The life of containers over HTTP: one function per endpoint, no behaviour of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable

from wherry.api import filters
from wherry.api.answers import JSON, json_bytes, json_response, no_content
from wherry.api.call import Call
from wherry.api.container_create import read_create
from wherry.api.container_inspect import inspected
from wherry.api.container_list import listed
from wherry.api.container_stats import sampled
from wherry.api.query import Query
from wherry.api.schema.body import read
from wherry.engine.containers.config import UpdateConfig
from wherry.engine.values.containers import (
    ListQuery,
    RemoveRequest,
    Sizes,
    Stats,
    StopRequest,
    WaitAnswer,
)
from wherry.errors import Invalid
from wherry.http.message import Answer, Response, Stream

_WAIT_CONDITIONS = {"": "not-running", "not-running": "not-running"} | {
    name: name for name in ("next-exit", "removed")
}


async def create(call: Call) -> Answer:
    """POST /containers/create."""
    created = await call.engine.containers.create(await read_create(call))
    return json_response({"Id": created.id, "Warnings": list(created.warnings)}, 201)


async def list_all(call: Call) -> Answer:
    """GET /containers/json."""
    query = call.query
    wanted = ListQuery(
        all=query.flag("all"),
        limit=query.integer("limit") or 0,
        filters=filters.parse(query.text("filters"), filters.CONTAINERS),
    )
    containers = await call.engine.containers.list(wanted)
    return json_response(await listed(call, containers, size=query.flag("size")))


async def inspect(call: Call) -> Answer:
    """GET /containers/{name}/json."""
    container = await call.engine.containers.get(call.path["name"])
    sizes: Sizes | None = None
    if call.query.flag("size"):
        sizes = await call.engine.containers.sizes(container.id)
    return json_response(inspected(container, sizes, call.version))


async def start(call: Call) -> Answer:
    """POST /containers/{name}/start."""
    length = call.request.body.length
    if length is None or length > 7:  # `null` and `{}` of old clients are let pass
        raise Invalid(
            "starting container with non-empty request body was deprecated since API v1.22 "
            "and removed in v1.24"
        )
    await call.engine.containers.start(call.path["name"])
    return no_content()


async def stop(call: Call) -> Answer:
    """POST /containers/{name}/stop."""
    await call.engine.containers.stop(call.path["name"], _stop_request(call))
    return no_content()


async def restart(call: Call) -> Answer:
    """POST /containers/{name}/restart."""
    await call.engine.containers.restart(call.path["name"], _stop_request(call))
    return no_content()


def _stop_request(call: Call) -> StopRequest:
    """Return how to stop; the signal is known since 1.42."""
    signal = call.query.text("signal") if call.version >= (1, 42) else ""
    return StopRequest(timeout=call.query.integer("t"), signal=signal)


async def kill(call: Call) -> Answer:
    """POST /containers/{name}/kill."""
    await call.engine.containers.kill(call.path["name"], call.query.text("signal"))
    return no_content()


async def pause(call: Call) -> Answer:
    """POST /containers/{name}/pause."""
    await call.engine.containers.pause(call.path["name"])
    return no_content()


async def unpause(call: Call) -> Answer:
    """POST /containers/{name}/unpause."""
    await call.engine.containers.unpause(call.path["name"])
    return no_content()


async def wait(call: Call) -> Answer:
    """POST /containers/{name}/wait: the head goes out as soon as the wait holds."""
    given = call.query.text("condition") if call.version >= (1, 30) else ""
    condition = _WAIT_CONDITIONS.get(given)
    if condition is None:
        raise Invalid(f'invalid condition: "{given}"')
    pending = await call.engine.containers.wait(call.path["name"], condition)
    return Stream(200, JSON, _waited(pending))


async def _waited(pending: Awaitable[WaitAnswer]) -> AsyncIterator[bytes]:
    answer = await pending
    body: dict[str, object] = {"StatusCode": answer.exit_code}
    if answer.error:
        body["Error"] = {"Message": answer.error}
    yield json_bytes(body)


async def rename(call: Call) -> Answer:
    """POST /containers/{name}/rename."""
    await call.engine.containers.rename(call.path["name"], call.query.text("name"))
    return no_content()


async def resize(call: Call) -> Answer:
    """POST /containers/{name}/resize."""
    rows, columns = terminal_size(call.query)
    await call.engine.containers.resize(call.path["name"], rows, columns)
    return Response(200)


def terminal_size(query: Query) -> tuple[int, int]:
    """Return (rows, columns) of a resize. Raises Invalid."""
    sizes = []
    for name, what in (("h", "height"), ("w", "width")):
        text = query.text(name)
        if not (text.isascii() and text.isdigit() and int(text) < 2**16):
            raise Invalid(f'invalid resize {what} "{text}": not a number from 0 to 65535')
        sizes.append(int(text))
    return sizes[0], sizes[1]


async def top(call: Call) -> Answer:
    """GET /containers/{name}/top."""
    found = await call.engine.containers.top(call.path["name"], call.query.text("ps_args"))
    return json_response({"Titles": found.titles, "Processes": found.rows})


async def changes(call: Call) -> Answer:
    """GET /containers/{name}/changes."""
    found = await call.engine.containers.changes(call.path["name"])
    return json_response([{"Path": c.path, "Kind": c.kind} for c in found] or None)


async def export(call: Call) -> Answer:
    """GET /containers/{name}/export."""
    archive = await call.engine.containers.export(call.path["name"])
    return Stream(200, {"Content-Type": "application/octet-stream"}, archive)


async def update(call: Call) -> Answer:
    """POST /containers/{name}/update."""
    config = await read(call.request, UpdateConfig, "container.UpdateConfig")
    warnings = await call.engine.containers.update(call.path["name"], config)
    return json_response({"Warnings": list(warnings)})


async def remove(call: Call) -> Answer:
    """DELETE /containers/{name}."""
    query = call.query
    request = RemoveRequest(
        force=query.flag("force"), volumes=query.flag("v"), link=query.flag("link")
    )
    await call.engine.containers.remove(call.path["name"], request)
    return no_content()


async def prune(call: Call) -> Answer:
    """POST /containers/prune."""
    wanted = filters.parse(call.query.text("filters"), filters.CONTAINERS_PRUNE)
    pruned = await call.engine.containers.prune(wanted)
    return json_response(
        {"ContainersDeleted": list(pruned.ids) or None, "SpaceReclaimed": pruned.space}
    )


async def stats(call: Call) -> Answer:
    """GET /containers/{name}/stats: samples for ever, or one.

    One sample without `one-shot` waits for a second one, so that the client can work out a rate.
    """
    container = await call.engine.containers.get(call.path["name"])
    samples = await call.engine.containers.stats(container.id)
    stream = call.query.flag("stream", default=True)
    if stream and call.query.flag("one-shot"):
        raise Invalid("cannot have stream=true and one-shot=true")
    count = None if stream else 1 if call.query.flag("one-shot") else 2
    lines = _samples(samples, container.id, container.name, count)
    return Stream(200, JSON, lines)


async def _samples(
    samples: AsyncIterator[Stats], id: str, name: str, count: int | None
) -> AsyncIterator[bytes]:
    """Yield every sample as a line, or only the last of `count`."""
    before: Stats | None = None
    taken = 0
    try:
        async for sample in samples:
            taken += 1
            if count is None or taken == count:
                yield json_bytes(sampled(sample, before, id, name))
            if taken == count:
                return
            before = sample
    finally:
        close = getattr(samples, "aclose", None)
        if close is not None:
            await close()
