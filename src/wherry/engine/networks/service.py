"""The networks of an engine: the role `NetworkBackend`.

Every change is whole or not at all, and goes on when the client that asked for it is gone.
"""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from wherry.engine.networks import facts
from wherry.engine.networks.facts import Filters, NetworkCreated, NetworkFacts
from wherry.engine.timestamps import parse_moment
from wherry.errors import Denied, NotFound

if TYPE_CHECKING:
    from wherry.engine.background import Background
    from wherry.engine.containers.config import EndpointSettings
    from wherry.engine.containers.roster import Roster
    from wherry.engine.events import EventLog
    from wherry.engine.networks.config import NetworkRequest
    from wherry.engine.networks.core import Core
    from wherry.engine.networks.gate import Gate
    from wherry.engine.networks.publishing import Bindings
    from wherry.engine.networks.values import Network, NetworkState

T = TypeVar("T")


class Networks:
    """Implements `wherry.api.backend.NetworkBackend`; see there for what each method promises."""

    def __init__(self, gate: Gate, roster: Roster, events: EventLog, tasks: Background) -> None:
        self._gate = gate
        self._roster = roster
        self._events = events
        self._tasks = tasks
        self._changing = asyncio.Lock()

    async def list(self, filters: Filters) -> Sequence[NetworkFacts]:
        """Return the networks that match."""
        core = await self._gate.open()
        members = self._members()
        found = [NetworkFacts(n, tuple(members.get(n.id, ()))) for n in core.catalogue]
        return facts.select(found, filters)

    async def get(self, ref: str) -> NetworkFacts:
        """Return one network."""
        network = (await self._gate.open()).catalogue.find(ref)
        return NetworkFacts(network, tuple(self._members().get(network.id, ())))

    def _members(self) -> dict[str, builtins.list[facts.Member]]:
        return facts.members(live.record for live in self._roster)

    async def create(self, request: NetworkRequest) -> NetworkCreated:
        """Make a network."""
        return await self._whole(self._create(request), f"making network {request.name}")

    async def _create(self, request: NetworkRequest) -> NetworkCreated:
        core = await self._gate.open()
        async with self._changing:
            network, warning = core.definitions.define(request)
            if not network.config_only:
                async with core.lock:
                    await asyncio.to_thread(core.driver(network).create, network)
            try:
                core.catalogue.add(network)
            except BaseException:
                await self._take_down(core, network)
                raise
            core.register(network)
        self._tell("create", network)
        return NetworkCreated(network.id, warning)

    async def remove(self, ref: str) -> None:
        """Remove one that nobody is in."""
        await self._whole(self._remove(ref), f"removing network {ref}")

    async def _remove(self, ref: str) -> None:
        core = await self._gate.open()
        async with self._changing:
            network = core.catalogue.find(ref)
            self._check_removable(core, network)
            # Off the list first, so that nobody can enter what is being taken down.
            core.catalogue.remove(network)
            try:
                await self._take_down(core, network)
            except BaseException:
                core.catalogue.add(network)
                raise
            core.unregister(network)
        self._tell("destroy", network)

    async def _take_down(self, core: Core, network: Network) -> None:
        if not network.config_only:
            async with core.lock:
                await asyncio.to_thread(core.driver(network).remove, network)

    def _check_removable(self, core: Core, network: Network) -> None:
        if network.predefined:
            raise Denied(f"{network.name} is a pre-defined network and cannot be removed")
        prefix = "error while removing network: "
        if any(other.config_from == network.name for other in core.catalogue):
            raise Denied(f'{prefix}configuration network "{network.name}" is in use')
        members = self._members().get(network.id, ())
        if members or core.is_entered(network):
            names = ", ".join(member.name for member in members) or "the container that starts"
            raise Denied(
                f"{prefix}network {network.name} id {network.id} has active endpoints",
                hint=f"stop or disconnect {names} first",
            )

    async def prune(self, filters: Filters) -> Sequence[str]:
        """Remove those of the user's own that no container names or is in."""
        core = await self._gate.open()
        members = self._members()
        used = {name for live in self._roster for name in live.record.networking.endpoints_config
                or ()}  # fmt: skip
        found = [
            NetworkFacts(network)
            for network in core.catalogue
            if not (network.predefined or network.id in members or network.name in used)
        ]
        removed = []
        for each in _pruned(found, filters):
            try:
                await self.remove(each.network.id)
            except (Denied, NotFound):  # somebody joined it, or was quicker
                continue
            removed.append(each.network.name)
        self._events.publish("network", "prune", "", {"reclaimed": "0"})
        return removed

    async def connect(self, ref: str, container: str, settings: EndpointSettings | None) -> None:
        """Connect a container."""
        await self._whole(self._connect(ref, container, settings), f"connecting {container}")

    async def _connect(self, ref: str, container: str, settings: EndpointSettings | None) -> None:
        from wherry.engine.networks.connections import Connections, wanted_at

        core = await self._gate.open()
        live = self._roster.find(container)
        network = core.catalogue.find(ref)
        async with live.lock:
            joined = await Connections(core, self._roster).connect(
                live, network, wanted_at(settings)
            )
        if joined:
            self._tell("connect", network, container=live.id)

    async def disconnect(self, ref: str, container: str, *, force: bool) -> None:
        """Disconnect a container."""
        await self._whole(self._disconnect(ref, container, force), f"disconnecting {container}")

    async def _disconnect(self, ref: str, container: str, force: bool) -> None:
        from wherry.engine.networks.connections import Connections

        core = await self._gate.open()
        network = core.catalogue.find(ref)
        try:
            live = self._roster.find(container)
        except NotFound:
            if force:
                raise NotFound(f"endpoint {container} not found") from None
            raise
        async with live.lock:
            left = await Connections(core, self._roster).disconnect(live, network)
        if left is not None:
            self._tell("disconnect", network, container=live.id)

    async def publish(self, container: str, bindings: Bindings) -> NetworkState:
        """Publish further ports of a container."""
        return await self._whole(self._publish(container, bindings, add=True), "publishing ports")

    async def unpublish(self, container: str, bindings: Bindings) -> NetworkState:
        """Take published ports back."""
        return await self._whole(self._publish(container, bindings, add=False), "closing ports")

    async def _publish(self, container: str, bindings: Bindings, *, add: bool) -> NetworkState:
        from wherry.engine.networks.publishing import Publishing

        live = self._roster.find(container)
        publishing = Publishing(await self._gate.open(), self._roster)
        async with live.lock:
            (publishing.add if add else publishing.remove)(live, bindings)
        return live.record.network

    async def _whole(self, work: Coroutine[Any, Any, T], what: str) -> T:
        return await self._tasks.whole(work, what)

    def _tell(self, action: str, network: Network, **details: str) -> None:
        attributes = {"name": network.name, "type": network.driver, **details}
        self._events.publish("network", action, network.id, attributes)


def _pruned(found: list[NetworkFacts], filters: Filters) -> list[NetworkFacts]:
    kept = {name: values for name, values in filters.items() if name != "until"}
    limits = [parse_moment(value) for value in filters.get("until", ())]
    return [
        each
        for each in facts.select(found, kept)
        if all(each.network.created < limit for limit in limits)
    ]
