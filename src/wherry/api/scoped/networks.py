"""Networks through a scoped socket: the role `NetworkBackend`, narrowed.

A network that is made here is a bridge with a subnet of the engine's choice: subnets, links and
drivers of one's own would reach into the host's network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from wherry.api.scoped import limits
from wherry.engine.networks import values
from wherry.errors import Denied

if TYPE_CHECKING:
    from wherry.api.scoped.creation import Creation
    from wherry.api.scoped.sight import Sight
    from wherry.engine.containers.config import EndpointSettings
    from wherry.engine.networks.config import NetworkRequest
    from wherry.engine.networks.facts import NetworkCreated, NetworkFacts
    from wherry.engine.networks.publishing import Bindings
    from wherry.engine.networks.values import NetworkState

_OPTIONS: Final = frozenset((values.ICC, values.MASQUERADE, values.MTU, "wherry.egress"))


@dataclass(frozen=True, slots=True)
class ScopedNetworks:
    """See `wherry.api.backend.NetworkBackend` for what each method promises."""

    sight: Sight
    creation: Creation

    async def list(self, filters: Mapping[str, tuple[str, ...]]) -> Sequence[NetworkFacts]:
        """Return the scope's networks, and those everybody has."""
        found = await self.sight.engine.networks.list(filters)
        return [await self._seen(n) for n in found if self.sight.sees_network(n.network)]

    async def get(self, ref: str) -> NetworkFacts:
        """Return one network with the scope's containers in it."""
        return await self._seen(await self.sight.network(ref))

    async def _seen(self, facts: NetworkFacts) -> NetworkFacts:
        if not self.sight.scope.labels or not facts.members:
            return facts
        own = {each.id for each in await self.sight.own_containers()}
        members = tuple(m for m in facts.members if m.endpoint.container_id in own)
        return replace(facts, members=members)

    async def create(self, request: NetworkRequest) -> NetworkCreated:
        """Make a bridge with the scope's labels."""
        _check(request)
        labels = self.sight.labelled(request.labels)
        return await self.sight.engine.networks.create(replace(request, labels=labels))

    async def remove(self, ref: str) -> None:
        """Remove it."""
        network = await self.sight.own_network(ref)
        await self.sight.engine.networks.remove(network.id)

    async def prune(self, filters: Mapping[str, tuple[str, ...]]) -> Sequence[str]:
        """Remove the scope's networks that nobody is in."""
        return await self.sight.engine.networks.prune(self.sight.narrowed(filters))

    async def connect(self, ref: str, container: str, settings: EndpointSettings | None) -> None:
        """Connect a container of the scope."""
        limits.check_endpoint(settings)
        network = (await self.sight.network(ref)).network
        record = await self.creation.lender(container)
        await self.sight.engine.networks.connect(network.id, record.id, settings)

    async def disconnect(self, ref: str, container: str, *, force: bool) -> None:
        """Disconnect a container of the scope."""
        network = (await self.sight.network(ref)).network
        record = await self.sight.container(container)
        await self.sight.engine.networks.disconnect(network.id, record.id, force=force)

    async def publish(self, container: str, bindings: Bindings) -> NetworkState:
        """Publish further ports."""
        record = await self.sight.container(container)
        return await self.sight.engine.networks.publish(record.id, bindings)

    async def unpublish(self, container: str, bindings: Bindings) -> NetworkState:
        """Take published ports back."""
        record = await self.sight.container(container)
        return await self.sight.engine.networks.unpublish(record.id, bindings)


def _check(request: NetworkRequest) -> None:
    """Raise Denied for what reaches into the host's network."""
    refused = {
        "Driver": request.driver not in ("", "bridge"),
        "Scope": request.scope not in ("", "local"),
        "Ingress": request.ingress,
        "ConfigOnly": request.config_only,
        "ConfigFrom": request.config_from is not None and bool(request.config_from.network),
        "IPAM": request.ipam is not None
        and bool(
            request.ipam.config
            or request.ipam.options
            or request.ipam.driver not in ("", "default")
        ),
        "Options": not set(request.options or {}) <= _OPTIONS,
    }
    for name in (name for name, bad in refused.items() if bad):
        raise Denied(f"{name} of a network cannot be chosen through this socket")
