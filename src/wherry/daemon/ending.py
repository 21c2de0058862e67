"""The end of everything that a client may ask for: the role `DaemonBackend`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from wherry.engine.engine import Engine

_ANSWERED: Final = 0.05
"""Seconds after which the answer has gone out."""


class Ending:
    """Ends containers and keeper, and then, by `end`, the daemon."""

    def __init__(self, engine: Engine, end: Callable[[], None]) -> None:
        self._engine = engine
        self._end = end

    async def shutdown(self, timeout: int | None) -> None:
        """See `DaemonBackend.shutdown`."""
        await self._engine.stop_all(timeout)
        asyncio.get_running_loop().call_later(_ANSWERED, self._end)
