"""Everything that the registry's port answers: the API, its health and its figures."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping

from wherry.http.message import Answer, FileBody, Hijack, Request, Response
from wherry.registry.server import accesslog
from wherry.registry.server.accesslog import AccessLog
from wherry.registry.server.app import Registry
from wherry.registry.server.metrics import Metrics

Page = Callable[[Request], Awaitable[Response]]


class Front:
    """The handler for the HTTP server: pages by their path, everything else is the API's."""

    def __init__(
        self, registry: Registry, log: AccessLog, metrics: Metrics, pages: Mapping[str, Page]
    ) -> None:
        self._registry = registry
        self._log = log
        self._metrics = metrics
        self._pages = pages

    async def __call__(self, request: Request) -> Answer:
        """Answer a request and note it."""
        if page := self._pages.get(request.path):
            return await page(request)
        began = time.monotonic()
        answer, identity, route = await self._registry(request)
        if not isinstance(answer, Hijack):
            seconds = time.monotonic() - began
            sent = answer.count if isinstance(answer, FileBody) else 0
            self._metrics.note(request.method, route, answer.status, seconds, sent)
            self._log.write(accesslog.line(request, answer.status, identity, seconds))
        return answer


async def health(request: Request) -> Response:
    """For load balancers and `HEALTHCHECK`: the registry takes requests."""
    return Response(200, {"Content-Type": "application/json"}, b'{"status":"ok"}\n')
