"""Docker's HTTP API as one handler: route, access, version, endpoint, error.

The order of checks is dockerd's: an unknown path is 404 whatever its version, an unspoken version
is 400 before the endpoint sees the request. Whether the caller may do it at all comes before both.
"""

from __future__ import annotations

import dataclasses
from typing import Final

from wherry.api.access.guard import Guard, Open
from wherry.api.backend import Backends
from wherry.api.call import Call
from wherry.api.query import Query
from wherry.api.routing import locate
from wherry.api.status import error_response
from wherry.api.version import MAXIMUM, negotiated, text_of
from wherry.errors import NotFound
from wherry.http.message import Answer, Request


class Api:
    """The handler for `wherry.http.server.Server`.

    `product` is what the Server header says, "Name/1.2"; `guard` is asked about every request.
    """

    def __init__(self, engine: Backends, product: str, guard: Guard | None = None) -> None:
        self._engine: Final = engine
        self._guard: Final = guard or Open()
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
        place = locate(request)
        self._guard.check(request, place.verb)
        if place.route is None:
            raise NotFound("page not found")
        version = negotiated(place.wanted)
        if version < place.route.since:
            raise NotFound("page not found")
        call = Call(request, version, place.parts, Query(request.query), self._engine)
        return await place.route.endpoint(call)
