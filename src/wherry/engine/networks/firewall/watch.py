"""Brings our table back when it or a part of it is removed (`nft flush ruleset`, a reload)."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from wherry.engine.networks.firewall.table import Table
from wherry.errors import WherryError
from wherry.kernel.nftables.message import NFPROTO_INET
from wherry.kernel.nftables.socket import NftMonitor

PAUSE: Final = 0.1
"""Seconds from the first loss to the repair, so that a reload of many steps is over."""
RETRY: Final = 0.5

_log = logging.getLogger(__name__)


class Watch:
    """Watches over one table, in the running event loop; make it in the table's namespace.

    `lock` is held by whoever changes the table.
    """

    def __init__(self, table: Table, lock: asyncio.Lock) -> None:
        self._table = table
        self._lock = lock
        self._monitor = NftMonitor()
        self._loop = asyncio.get_running_loop()
        self._repair: asyncio.Task[None] | None = None
        self._loop.add_reader(self._monitor.fileno(), self._notified)

    def _notified(self) -> None:
        losses = self._monitor.losses()
        ours = losses is None or (NFPROTO_INET, self._table.name) in losses
        if ours and self._table.made and self._repair is None:
            self._repair = self._loop.create_task(self._repaired(), name="repair the firewall")

    async def _repaired(self) -> None:
        await asyncio.sleep(PAUSE)
        while not await self._once():
            await asyncio.sleep(RETRY)
        self._repair = None

    async def _once(self) -> bool:
        async with self._lock:
            if not self._table.made:
                return True
            try:
                await asyncio.to_thread(self._table.make)
            except (WherryError, OSError) as error:
                _log.error("%s; trying again", error)
                return False
            # What our own transaction removed on the way is no loss.
            self._monitor.losses()
        _log.warning("the firewall table %s was removed by somebody and is back", self._table.name)
        return True

    def close(self) -> None:
        """Stop watching."""
        self._loop.remove_reader(self._monitor.fileno())
        if self._repair is not None:
            self._repair.cancel()
        self._monitor.close()
