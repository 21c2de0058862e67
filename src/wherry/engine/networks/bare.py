"""The networks "host" and "none": there is nothing to make."""

from __future__ import annotations

from collections.abc import Sequence

from wherry.engine.networks.driver import Joined
from wherry.engine.networks.sandbox import Sandbox
from wherry.engine.networks.values import Endpoint, Network


class BareDriver:
    """A driver without links: a sandbox that joins keeps its loopback alone.

    Containers on "host" have no sandbox at all; their runtime gives them the host's namespace.
    """

    uses_pairs = False

    def create(self, network: Network) -> None:
        """Nothing to do."""

    def remove(self, network: Network) -> None:
        """Nothing to do."""

    def join(self, sandbox: Sandbox, network: Network, endpoint: Endpoint) -> Joined:
        """No link."""
        del sandbox, network, endpoint
        return Joined("", "", "", 0)

    def leave(self, sandbox: Sandbox, network: Network, endpoint: Endpoint) -> None:
        """Nothing to do."""

    def reroute(self, sandbox: Sandbox, network: Network, endpoint: Endpoint) -> None:
        """Nothing to do."""

    def restore(self, networks: Sequence[Network], endpoints: Sequence[Endpoint]) -> None:
        """Nothing to do."""
