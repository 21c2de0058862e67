"""What a container's server does not know itself: asked of other servers, several at a time.

The servers are asked in turn, each a moment after the one before or as soon as that one has failed;
the first that answers counts. One that lets others overtake it comes last for a while, so a dead
server costs one short wait in ten seconds and not one per name. Equal questions that come while one
is under way share its answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

from wherry.engine.networks.dns.cache import NegativeCache
from wherry.engine.networks.dns.hostfile import LiveResolvConf, is_loopback
from wherry.engine.networks.dns.message import Query
from wherry.engine.networks.dns.race import Race
from wherry.engine.networks.dns.settings import ResolverSettings
from wherry.engine.networks.dns.upstream import Reply, Server, Sockets, ask_tcp, ask_udp

PENALTY: Final = 10.0
"""Seconds for which a server that did not answer comes last."""
MOST_SERVERS: Final = 3
MOST_QUESTIONS: Final = 256
"""Different questions of one container that may be under way."""
FALLBACK: Final = ("8.8.8.8", "8.8.4.4")
"""Asked where the host names no server at all, as Docker does."""

_log = logging.getLogger(__name__)


def servers(settings: ResolverSettings, of_host: Sequence[str], own: str) -> list[Server]:
    """Whom to ask for a container: its `--dns`, or else the host's servers of this moment.

    A loopback address of the host's file means the host's loopback; of `--dns`, the container's.
    The server's own address is left out, since that would go round for ever. Nobody is asked from
    the host for a container that has no way out.
    """
    if settings.servers:
        addresses: Sequence[str] = settings.servers
        chosen = [Server(each, settings.confined and not is_loopback(each)) for each in addresses]
    else:
        addresses = of_host or FALLBACK
        chosen = [Server(each, _only_from_host(each, settings)) for each in addresses]
    usable = [each for each in chosen if each != Server(own)]
    return [each for each in usable if settings.forward or not each.on_host][:MOST_SERVERS]


def _only_from_host(address: str, settings: ResolverSettings) -> bool:
    unreachable = ":" in address and ("%" in address or not settings.ipv6)
    return settings.confined or unreachable or is_loopback(address)


class Forwarder:
    """Asks on behalf of one container."""

    def __init__(
        self,
        own: str,
        inside: Sockets,
        outside: Sockets,
        live: LiveResolvConf,
        clock: Callable[[], float],
    ) -> None:
        self.settings = ResolverSettings()
        self._own = own
        self._inside = inside
        self._outside = outside
        self._live = live
        self._clock = clock
        self._negative: NegativeCache[Reply] = NegativeCache(clock)
        self._under_way: dict[object, asyncio.Task[Reply | None]] = {}
        self._last_until: dict[Server, float] = {}
        self._asked: list[Server] = []

    async def ask(self, query: Query, *, tcp: bool) -> Reply | None:
        """The answer to a question, None where nobody could give one."""
        chosen = servers(self.settings, self._live.current().servers, self._own)
        if chosen != self._asked:
            self._asked = chosen
            self._negative.clear()
        key = (query.key, tcp)
        kept = self._negative.get(key)
        if kept is not None:
            return kept
        task = self._under_way.get(key)
        if task is None:
            if len(self._under_way) >= MOST_QUESTIONS:
                _log.warning("more than %d names are asked for at once", MOST_QUESTIONS)
                return None
            task = asyncio.get_running_loop().create_task(self._find(key, query, chosen, tcp))
            self._under_way[key] = task
            task.add_done_callback(lambda _: self._under_way.pop(key, None))
        return await asyncio.shield(task)

    def close(self) -> None:
        """Give up what is under way."""
        for task in list(self._under_way.values()):
            task.cancel()

    async def _find(
        self, key: object, query: Query, chosen: list[Server], tcp: bool
    ) -> Reply | None:
        ask = ask_tcp if tcp else ask_udp

        async def ask_one(server: Server) -> Reply:
            return await ask(self._outside if server.on_host else self._inside, server, query)

        race = Race(ask_one, self._ordered(chosen))
        reply = await race.run()
        for server in race.overtaken:
            self._last_until[server] = self._clock() + PENALTY
        if reply is not None and reply.response.negative_ttl is not None:
            self._negative.put(key, reply, reply.response.negative_ttl)
        return reply

    def _ordered(self, chosen: list[Server]) -> list[Server]:
        """Silent ones last; their time is forgotten when it is over."""
        now = self._clock()
        self._last_until = {s: until for s, until in self._last_until.items() if until > now}
        return sorted(chosen, key=lambda server: server in self._last_until)
