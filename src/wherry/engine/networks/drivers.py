"""The drivers of one engine, by name, with the kernel sockets and the firewall they share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from wherry.engine.networks.bare import BareDriver
from wherry.engine.networks.bridge import BridgeDriver
from wherry.engine.networks.driver import NetworkDriver
from wherry.engine.networks.firewall.firewall import Firewall
from wherry.engine.networks.ipvlan import IpvlanDriver
from wherry.engine.networks.macvlan import MacvlanDriver
from wherry.kernel.netlink.socket import NETLINK_ROUTE, NetlinkSocket


@dataclass(frozen=True, slots=True)
class Drivers:
    """All drivers. `by_name` has Docker's names: bridge, macvlan, ipvlan, host, null."""

    by_name: Mapping[str, NetworkDriver]
    firewall: Firewall
    routes: NetlinkSocket

    @classmethod
    def open(cls, suffix: str, *, obeys_input: bool = False) -> Self:
        """Make them in the network namespace of the calling thread. Raises OSError.

        `suffix` tells this engine's links and tables from others' (`firewall.suffix_of`).
        `obeys_input`: published ports pass the host's own input rules.
        """
        routes = NetlinkSocket(NETLINK_ROUTE)
        try:
            firewall = Firewall(suffix, obeys_input=obeys_input)
        except BaseException:
            routes.close()
            raise
        bare = BareDriver()
        by_name: dict[str, NetworkDriver] = {
            "bridge": BridgeDriver(routes, firewall, suffix),
            "macvlan": MacvlanDriver(routes, suffix),
            "ipvlan": IpvlanDriver(routes, suffix),
            "host": bare,
            "null": bare,
        }
        return cls(by_name, firewall, routes)

    def close(self, *, remove: bool) -> None:
        """Let go; with `remove` the engine's table goes too. Bridges go with their networks."""
        self.firewall.close(remove=remove)
        self.routes.close()
