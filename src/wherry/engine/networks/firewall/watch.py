"""Brings our table back when it or a part of it is removed (`nft flush ruleset`, a reload)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final, Protocol

from wherry.engine.networks.firewall.table import Table
from wherry.errors import WherryError
from wherry.kernel.nftables.socket import NftMonitor

PAUSE: Final = 0.1
"""Seconds from the first loss to the repair, so that a reload of many steps is over."""
RETRY: Final = 0.5

_log = logging.getLogger(__name__)


class Watched(Protocol):
    """Whose tables are watched over; there may be more of them later."""

    @property
    def tables(self) -> Sequence[Table]:
        """All of them."""


class Watch:
    """Watches over our tables, in the running event loop; make it in their namespace.

    `lock` is held by whoever changes a table.
    """

    def __init__(self, firewall: Watched, lock: asyncio.Lock) -> None:
        self._firewall = firewall
        self._lock = lock
        self._monitor = NftMonitor()
        self._loop = asyncio.get_running_loop()
        self._repair: asyncio.Task[None] | None = None
        self._loop.add_reader(self._monitor.fileno(), self._notified)

    def _notified(self) -> None:
        losses = self._monitor.losses()
        lost = [
            table
            for table in self._firewall.tables
            if table.made and (losses is None or table.key in losses)
        ]
        if lost and self._repair is None:
            self._repair = self._loop.create_task(self._repaired(), name="repair the firewall")

    async def _repaired(self) -> None:
        await asyncio.sleep(PAUSE)
        while not await self._once():
            await asyncio.sleep(RETRY)
        self._repair = None

    async def _once(self) -> bool:
        async with self._lock:
            try:
                for table in self._firewall.tables:
                    if table.made:
                        await asyncio.to_thread(table.make)
            except (WherryError, OSError) as error:
                _log.error("%s; trying again", error)
                return False
            # What our own transaction removed on the way is no loss.
            self._monitor.losses()
        _log.warning("the firewall's rules were removed by somebody and are back")
        return True

    def close(self) -> None:
        """Stop watching."""
        self._loop.remove_reader(self._monitor.fileno())
        if self._repair is not None:
            self._repair.cancel()
        self._monitor.close()
