"""Docker's HTTP API as one handler: version, route, endpoint, error.

The order of checks is dockerd's: an unknown path is 404 whatever its version, an unspoken version
is 400 before the endpoint sees the request.
"""

from __future__ import annotations

import dataclasses
from typing import Final
from urllib.parse import unquote

from wherry.api.backend import Backends
from wherry.api.call import Call
from wherry.api.query import Query
from wherry.api.router import Router
from wherry.api.routes import ROUTES
from wherry.api.status import error_response
from wherry.api.version import MAXIMUM, negotiated, split_prefix, text_of
from wherry.errors import NotFound
from wherry.http.message import Answer, Request


class Api:
    """The handler for `wherry.http.server.Server`.

    `product` is what the Server header says, "Name/1.2".
    """

    def __init__(self, engine: Backends, product: str) -> None:
        self._engine: Final = engine
        self._router: Final = Router(ROUTES)
        self._headers: Final = {
            "Api-Version": text_of(MAXIMUM),
            "Docker-Experimental": "false",
            "Ostype": "linux",
            "Server": f"{product} (linux)",
        }

    async def __call__(self, request: Request) -> Answer:
        """Answer a request. Never raises but for cancellation."""
        try:
            answer = await self._dispatch(request)
        except Exception as error:  # noqa: BLE001 - this is where errors become answers
            answer = error_response(error)
        return dataclasses.replace(answer, headers={**self._headers, **answer.headers})

    async def _dispatch(self, request: Request) -> Answer:
        wanted, path = split_prefix(unquote(request.path))
        found = self._router.find(request.method, path) if path.startswith("/") else None
        if found is None:
            raise NotFound("page not found")
        route, parts = found
        version = negotiated(wanted)
        if version < route.since:
            raise NotFound("page not found")
        call = Call(request, version, parts, Query(request.query), self._engine)
        return await route.endpoint(call)
