"""POST /wherry/system/shutdown: Wherry's own endpoint that ends everything.

Beside Docker's API, because Docker has nothing like it: SIGTERM ends the daemon alone, and its
containers run on.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from wherry.errors import WherryError
from wherry.http.message import Answer, Handler, Request, Response

if TYPE_CHECKING:
    from wherry.engine.engine import Engine

PATH: Final = "/wherry/system/shutdown"


class ShutdownEndpoint:
    """Handles its one path and hands every other request on."""

    def __init__(self, engine: Engine, inner: Handler, end: Callable[[], None]) -> None:
        self._engine = engine
        self._inner = inner
        self._end = end

    async def __call__(self, request: Request) -> Answer:
        """Stop the containers, then the keeper; the daemon ends after the answer."""
        if request.path != PATH or request.method != "POST":
            return await self._inner(request)
        await request.body.discard(0)
        try:
            await self._engine.stop_all(_timeout(request.query))
        except WherryError as error:
            body = json.dumps({"message": str(error)}).encode()
            return Response(500, {"Content-Type": "application/json"}, body)
        # After the answer has gone out.
        asyncio.get_running_loop().call_later(0.05, self._end)
        return Response(204)


def _timeout(query: str) -> int | None:
    values = parse_qs(query).get("t", [])
    return int(values[0]) if values and values[0].lstrip("-").isdigit() else None
