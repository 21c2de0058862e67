"""The embedded DNS of one engine: names, and one server per container. The face to the engine."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from wherry.engine.networks.dns.forward import Forwarder
from wherry.engine.networks.dns.hostfile import LiveResolvConf
from wherry.engine.networks.dns.inside import call_inside
from wherry.engine.networks.dns.names import NameTable
from wherry.engine.networks.dns.server import DnsServer, Policy
from wherry.engine.networks.dns.settings import Ports, ResolverSettings
from wherry.engine.networks.dns.sockets import ADDRESS, Listening, reopen_inside
from wherry.engine.networks.dns.stock import HostSockets, SocketStock
from wherry.engine.networks.dns.upstream import Sockets


class Dns:
    """Serves the names of `names` to every attached container, in the running asyncio loop."""

    def __init__(
        self,
        names: NameTable,
        live: LiveResolvConf | None = None,
        host: Sockets | None = None,
    ) -> None:
        self.names = names
        self._live = live or LiveResolvConf()
        self._host = host or HostSockets()
        self._served: dict[str, tuple[DnsServer, SocketStock]] = {}

    def attach(self, container_id: str, listening: Listening, settings: ResolverSettings) -> Ports:
        """Begin to answer; takes over `listening`. The ports belong into the container's record.

        A server that the container had before is closed. Raises OSError.
        """
        self.detach(container_id)
        try:
            stock = SocketStock(listening.udp)
        except OSError:
            listening.close()
            raise
        clock = asyncio.get_running_loop().time
        forwarder = Forwarder(ADDRESS, stock, self._host, self._live, clock)
        forwarder.settings = settings
        server = DnsServer(container_id, listening, self.names, forwarder)
        server.start()
        self._served[container_id] = (server, stock)
        return listening.ports

    async def restore(
        self, container_id: str, namespace: int, ports: Ports, settings: ResolverSettings
    ) -> None:
        """Open the same ports again in a running container's network namespace and answer.

        `namespace` is a descriptor and stays the caller's. Raises OSError.
        """
        listening = await call_inside(namespace, lambda: reopen_inside(ports))
        self.attach(container_id, listening, settings)

    def configure(self, container_id: str, settings: ResolverSettings) -> None:
        """New settings for a container that may have gained or lost its way out."""
        if container_id in self._served:
            server = self._served[container_id][0]
            confined = server.policy is not None
            server.forwarder.settings = replace(settings, confined=confined)

    def confine(self, container_id: str, policy: Policy | None) -> None:
        """Put a container's names under an egress policy, or free them."""
        if container_id in self._served:
            server = self._served[container_id][0]
            server.policy = policy
            self.configure(container_id, server.forwarder.settings)

    def detach(self, container_id: str) -> None:
        """Stop answering and close everything; unknown containers are no error."""
        server, stock = self._served.pop(container_id, (None, None))
        if server is not None and stock is not None:
            server.close()
            stock.close()

    def close(self) -> None:
        """Detach everybody; the containers' redirections stay for the next daemon."""
        for container_id in list(self._served):
            self.detach(container_id)
