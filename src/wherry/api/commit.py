"""Images of containers over HTTP."""

from __future__ import annotations

from wherry.api.answers import json_response
from wherry.api.call import Call
from wherry.api.schema.body import read
from wherry.engine.containers.config import ContainerConfig
from wherry.engine.values.commits import CommitRequest
from wherry.http.message import Answer


async def commit(call: Call) -> Answer:
    """POST /commit?container=: the body is a configuration, or nothing."""
    query = call.query
    config: ContainerConfig | None = None
    if not call.request.body.empty:
        config = await read(call.request, ContainerConfig, "container.Config")
    repository, tag = query.text("repo"), query.text("tag")
    request = CommitRequest(
        reference=f"{repository}:{tag}" if repository and tag else repository,
        author=query.text("author"),
        comment=query.text("comment"),
        changes=tuple(line for text in query.all("changes") for line in text.splitlines() if line),
        pause=query.flag("pause", default=True) or not query.text("pause"),
        config=config,
    )
    id = await call.engine.containers.commit(query.text("container"), request)
    return json_response({"Id": id}, 201)
