"""Scoped sockets over HTTP, Wherry's own: which there are, making and removing them."""

from __future__ import annotations

from typing import Any

from wherry.api.answers import json_response, no_content
from wherry.api.call import Call
from wherry.api.schema.body import read
from wherry.api.timestamps import rfc3339_nano
from wherry.engine.scopes.values import Scope, SocketRequest
from wherry.http.message import Answer


async def list_all(call: Call) -> Answer:
    """GET /wherry/sockets."""
    return json_response([rendered(each) for each in await call.engine.sockets.list()])


async def inspect(call: Call) -> Answer:
    """GET /wherry/sockets/{name}."""
    return json_response(rendered(await call.engine.sockets.get(call.path["name"])))


async def create(call: Call) -> Answer:
    """POST /wherry/sockets/create."""
    request = await read(call.request, SocketRequest, "wherry.SocketRequest")
    return json_response(rendered(await call.engine.sockets.create(request)), 201)


async def remove(call: Call) -> Answer:
    """DELETE /wherry/sockets/{name}."""
    await call.engine.sockets.remove(call.path["name"])
    return no_content()


def rendered(scope: Scope) -> dict[str, Any]:
    """Return a scope in the spelling of Docker's answers; Expires is "" for never."""
    return {
        "Name": scope.name,
        "Path": scope.path,
        "Allow": list(scope.allow),
        "Verbs": list(scope.verbs),
        "Labels": dict(scope.labels),
        "BindRoot": scope.bind_root,
        "Images": list(scope.images),
        "Created": rfc3339_nano(scope.created),
        "Expires": rfc3339_nano(scope.expires) if scope.expires else "",
        "UID": scope.uid,
        "GID": scope.gid,
        "Parent": scope.parent,
    }
