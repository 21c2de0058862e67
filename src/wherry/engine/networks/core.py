"""The parts that networks are made of, in one place; built when the first network is needed.

An engine whose containers use no network imports and holds none of this: `gate.Gate` opens it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.engine.networks.catalogue import Catalogue
    from wherry.engine.networks.define import Definitions
    from wherry.engine.networks.dns.service import Dns
    from wherry.engine.networks.driver import NetworkDriver
    from wherry.engine.networks.drivers import Drivers
    from wherry.engine.networks.egress_service import Egress
    from wherry.engine.networks.firewall.firewall import Firewall
    from wherry.engine.networks.firewall.watch import Watch
    from wherry.engine.networks.ipam import Ipam
    from wherry.engine.networks.ownedpool import OwnedPool
    from wherry.engine.networks.pool import SandboxPool
    from wherry.engine.networks.ports import Ports
    from wherry.engine.networks.settings import NetworkSettings
    from wherry.engine.networks.values import Network


@dataclass(frozen=True, slots=True)
class Core:
    """Everything that the services of this package share.

    `plain` are sandboxes without a DNS server, for the default bridge; `named` those with one.
    `lock` is held during every call of a driver.
    """

    settings: NetworkSettings
    catalogue: Catalogue
    definitions: Definitions
    ipam: Ipam
    ports: Ports
    drivers: Drivers
    dns: Dns
    egress: Egress
    plain: SandboxPool
    named: SandboxPool
    plain_owned: OwnedPool
    named_owned: OwnedPool
    watch: Watch
    lock: asyncio.Lock
    _entering: Counter[str] = field(default_factory=Counter)

    @contextlib.contextmanager
    def entering(self, networks: Iterable[Network]) -> Iterator[None]:
        """Keep these networks from being removed while somebody is on the way in."""
        ids = [network.id for network in networks]
        self._entering.update(ids)
        try:
            yield
        finally:
            self._entering.subtract(ids)

    def is_entered(self, network: Network) -> bool:
        """Whether somebody is on the way into it."""
        return self._entering[network.id] > 0

    def driver(self, network: Network) -> NetworkDriver:
        """What makes this network's links."""
        return self.drivers.by_name[network.driver]

    @property
    def firewall(self) -> Firewall:
        """Where ports are published."""
        return self.drivers.firewall

    def register(self, network: Network) -> None:
        """Begin to hand out addresses and names of a network."""
        self.ipam.add(network)
        if network.has_dns:
            self.dns.names.add_network(network.id, network.name)

    def unregister(self, network: Network) -> None:
        """Forget a network's addresses and names."""
        self.ipam.remove(network.id)
        self.dns.names.remove_network(network.id)

    async def close(self, *, remove: bool) -> None:
        """Let go of everything in this process.

        What containers have stays, unless `remove` says that the engine is shut down: then bridges
        and the firewall's table go, and come back with the next start.
        """
        self.watch.close()
        await self.plain.close()
        await self.plain_owned.close()
        await self.named_owned.close()
        await self.named.close()
        self.dns.close()
        self.egress.close()
        async with self.lock:
            await asyncio.to_thread(self._close_drivers, remove)

    def _close_drivers(self, remove: bool) -> None:
        if remove:
            for network in self.catalogue:
                if not network.config_only:
                    self.driver(network).remove(network)
        self.drivers.close(remove=remove)
