"""Prepared sandboxes, so that the network costs a container's start next to nothing.

A sandbox (namespace, loopback, veth pair, whatever the hook opens inside) takes about 1.5 ms to
make; taking one out of the pool and giving it its addresses 0.3 ms. The pool holds as many as were
taken in the last seconds, at most `MOST`, and gives them all up after `IDLE` seconds without any
use: an engine that starts nothing holds no namespace and no link.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import deque
from collections.abc import Callable
from typing import Final

from wherry.engine.networks.sandbox import Owner, Pair, Prepared, Sandbox
from wherry.kernel.netlink import link
from wherry.kernel.netlink.socket import NETLINK_ROUTE, NetlinkSocket

FIRST: Final = 2
"""How many are made ahead after the first one was taken."""
MOST: Final = 16
RECENT: Final = 2.0
"""Seconds: as many are kept as were taken within them."""
IDLE: Final = 60.0
"""Seconds without any use after which the pool is empty."""
REST: Final = 0.05
"""Seconds after a sandbox was taken before others are made: the start that took it goes first."""

_INNER: Final = "eth0"
_log = logging.getLogger(__name__)


def make_with_pair(
    routes: NetlinkSocket, inside: Callable[[], Prepared] | None, owner: Owner | None = None
) -> Sandbox:
    """A sandbox with a veth pair that no endpoint has taken yet. Blocks; raises OSError."""
    sandbox = Sandbox.make_owned(owner, inside) if owner else Sandbox.make(inside)
    try:
        add_pair(routes, sandbox)
    except BaseException:
        sandbox.close()
        raise
    return sandbox


def add_pair(routes: NetlinkSocket, sandbox: Sandbox) -> None:
    """Give a sandbox a veth pair; `routes` is a socket in the host's namespace."""
    outer = f"veth{os.urandom(4).hex()[:7]}"
    routes.execute(link.new_veth(outer, link.Peer(_INNER, namespace=sandbox.namespace)))
    inner = link.by_name(sandbox.routes, _INNER)
    sandbox.spare = Pair(outer, inner.parent, inner.index)


class SandboxPool:
    """The prepared sandboxes of one engine; lives in the running event loop.

    `inside` runs in each new namespace, in the thread that makes it, with loopback up.
    """

    def __init__(self, inside: Callable[[], Prepared] | None = None) -> None:
        self._inside = inside
        self._ready: deque[Sandbox] = deque()
        self._taken: deque[float] = deque(maxlen=MOST)
        self._filling: asyncio.Task[None] | None = None
        self._emptying: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def size(self) -> int:
        """How many are ready now."""
        return len(self._ready)

    async def take(self) -> Sandbox:
        """A sandbox with a spare veth pair: a prepared one, or one made now. Raises OSError."""
        self._note_use()
        # To make one takes one and a half milliseconds: less than a thread's turn would add.
        return self._ready.popleft() if self._ready else self._make()

    def _note_use(self) -> None:
        """One is taken: see to it that others are ready for those who come next."""
        loop = asyncio.get_running_loop()
        self._taken.append(loop.time())
        if self._emptying is not None:
            self._emptying.cancel()
        self._emptying = loop.call_later(IDLE, self._empty)
        if self._filling is None and not self._closed:
            self._filling = loop.create_task(self._fill(), name="fill the pool of sandboxes")

    def _wanted(self) -> int:
        since = asyncio.get_running_loop().time() - RECENT
        recent = sum(taken >= since for taken in self._taken)
        return 0 if self._closed else min(max(recent, FIRST), MOST)

    async def _fill(self) -> None:
        try:
            await asyncio.sleep(REST)
            while len(self._ready) < self._wanted():
                sandbox = await self._make_next()
                if sandbox is None:
                    return
                if self._closed:
                    sandbox.close()
                else:
                    self._ready.append(sandbox)
        except OSError as error:
            # Starts make their own sandbox then, and tell their own error.
            _log.warning("no sandbox could be made ahead: %s", error)
        finally:
            self._filling = None

    async def _make_next(self) -> Sandbox | None:
        """One more to be ready, None when no more can be known. Raises OSError."""
        return await asyncio.to_thread(self._make)

    def _make(self, owner: Owner | None = None) -> Sandbox:
        with NetlinkSocket(NETLINK_ROUTE) as routes:
            return make_with_pair(routes, self._inside, owner)

    def _empty(self) -> None:
        while self._ready:
            self._ready.pop().close()

    async def close(self) -> None:
        """Give up every prepared sandbox; `take` makes single ones from now on."""
        self._closed = True
        if self._emptying is not None:
            self._emptying.cancel()
        if self._filling is not None:
            await asyncio.wait([self._filling])
        self._empty()
