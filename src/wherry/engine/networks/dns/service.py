"""The embedded DNS of one engine: names, and one server per container. The face to the engine."""

from __future__ import annotations

from wherry.engine.networks.dns.names import NameTable
from wherry.engine.networks.dns.settings import Ports, ResolverSettings
from wherry.engine.networks.dns.sockets import Listening


class Dns:
    """Serves the names of `names` to every attached container, in the running asyncio loop."""

    def __init__(self, names: NameTable) -> None:
        self.names = names

    def attach(self, container_id: str, listening: Listening, settings: ResolverSettings) -> Ports:
        """Begin to answer; takes over `listening`. The ports belong into the container's record."""
        raise NotImplementedError

    async def restore(
        self, container_id: str, namespace: int, ports: Ports, settings: ResolverSettings
    ) -> None:
        """Open the same ports again in a running container's network namespace (a descriptor, which
        stays the caller's) and answer. Raises OSError."""
        raise NotImplementedError

    def configure(self, container_id: str, settings: ResolverSettings) -> None:
        """New settings for a container that may have gained or lost its way out."""
        raise NotImplementedError

    def detach(self, container_id: str) -> None:
        """Stop answering and close everything; unknown containers are no error."""
        raise NotImplementedError

    def close(self) -> None:
        """Detach everybody; the containers' redirections stay for the next daemon."""
        raise NotImplementedError
