"""Several servers, one question: whose answer counts, and who was too slow."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from wherry.engine.networks.dns.message import NOERROR, NXDOMAIN
from wherry.engine.networks.dns.upstream import Reply, Server

STAGGER: Final = 0.1
"""Seconds before the next server is asked too."""
ROUND: Final = 1.0
"""Seconds before all are asked once more (packets get lost)."""
ROUNDS: Final = 3
PATIENCE: Final = 4.5
"""Seconds after which nobody answers any more: just before a client's own 5 are over."""

_SETTLING: Final = (NOERROR, NXDOMAIN)
"""Codes that settle a question; another server might do better than any other code."""


class Race:
    """One question asked of servers in turn; `overtaken` tells afterwards who lost by silence."""

    def __init__(
        self, ask: Callable[[Server], Awaitable[Reply]], servers: Sequence[Server]
    ) -> None:
        self._ask = ask
        self._servers = servers
        self._running: dict[asyncio.Task[Reply], Server] = {}
        self._unsettled: Reply | None = None
        self.overtaken: tuple[Server, ...] = ()

    async def run(self) -> Reply | None:
        """The first answer that settles the question; else any answer; else None.

        A server that fails hands over to the next at once, a silent one after `STAGGER`.
        """
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._rounds()
        except TimeoutError:
            self.overtaken = tuple(dict.fromkeys(self._running.values()))
            return self._unsettled
        finally:
            for task in self._running:
                task.cancel()

    async def _rounds(self) -> Reply | None:
        for _ in range(ROUNDS if self._servers else 0):
            for server in self._servers[:-1]:
                reply = await self._begin(server, STAGGER)
                if reply is not None:
                    return reply
            reply = await self._begin(self._servers[-1], ROUND)
            if reply is not None:
                return reply
            if not self._running:
                break  # everybody has answered or failed: asking again would change nothing
        return await self._wait(PATIENCE) or self._unsettled

    async def _begin(self, server: Server, seconds: float) -> Reply | None:
        """Ask one more and wait: so long, or until one fails while another could be asked."""
        task = asyncio.ensure_future(self._ask(server))
        self._running[task] = server
        return await (self._wait(seconds) if seconds == ROUND else self._wait_for_one(seconds))

    async def _wait(self, seconds: float) -> Reply | None:
        """The first settling reply within so many seconds, None once nobody is left to wait for."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while self._running and (left := until - loop.time()) > 0:
            reply = await self._wait_for_one(left)
            if reply is not None:
                return reply
        return None

    async def _wait_for_one(self, seconds: float) -> Reply | None:
        """A settling reply; None after so many seconds or as soon as somebody has failed."""
        done, _ = await asyncio.wait(
            self._running, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
        )
        settled = None
        for task in done:
            server = self._running.pop(task)
            if task.cancelled() or task.exception() is not None:
                continue
            reply = task.result()
            if reply.response.rcode in _SETTLING:
                settled = settled or reply
                self.overtaken = tuple(
                    other for other in dict.fromkeys(self._running.values()) if other != server
                )
            else:
                self._unsettled = reply
        return settled
