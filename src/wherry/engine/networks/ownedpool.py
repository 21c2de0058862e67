"""Prepared sandboxes of containers that get a user namespace of their own.

Whose a network namespace is cannot be changed once it is there, so these are made for the ids that
the next containers will get (decision 220). A container with other ids has one made for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from wherry.engine.containers.idrows import IdRows
from wherry.engine.networks.pool import SandboxPool
from wherry.engine.networks.sandbox import Owner, Prepared, Sandbox

Upcoming = Callable[[int], Sequence[IdRows]]
"""The id maps of the next containers, at most so many."""


class OwnedPool(SandboxPool):
    """See `SandboxPool`; `take_for` instead of `take`."""

    def __init__(self, upcoming: Upcoming, inside: Callable[[], Prepared] | None = None) -> None:
        super().__init__(inside)
        self._upcoming = upcoming

    async def take_for(self, owner: Owner) -> Sandbox:
        """A sandbox that belongs to this user namespace. Raises OSError."""
        if owner.path:
            return await asyncio.to_thread(self._make, owner)
        self._note_use()
        for sandbox in self._ready:
            if sandbox.owner_maps == owner.maps:
                self._ready.remove(sandbox)
                return sandbox
        return await asyncio.to_thread(self._make, owner)

    async def _make_next(self) -> Sandbox | None:
        expected = self._upcoming(max(self._wanted(), len(self._ready) + 1))
        for sandbox in list(self._ready):
            if sandbox.owner_maps not in expected:  # another container has these ids
                self._ready.remove(sandbox)
                sandbox.close()
        ready = {sandbox.owner_maps for sandbox in self._ready}
        maps = next((each for each in expected if each not in ready), None)
        return await asyncio.to_thread(self._make, Owner(maps)) if maps else None
