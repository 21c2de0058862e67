"""macvlan networks: endpoints with MAC addresses of their own on a link of the host."""

from __future__ import annotations

from wherry.engine.networks.sublink import SublinkDriver
from wherry.engine.networks.values import Endpoint, Network
from wherry.errors import Invalid
from wherry.kernel.netlink import link
from wherry.kernel.netlink.link import MACVLAN_MODES, Link
from wherry.kernel.netlink.message import Request

MODE = "macvlan_mode"


class MacvlanDriver(SublinkDriver):
    """The driver of macvlan networks; option `macvlan_mode`: bridge, private, vepa, passthru."""

    kind = "macvlan"

    def check(self, network: Network) -> None:
        """Raise Invalid for an unknown mode."""
        _mode(network)

    def request(
        self, name: str, parent: Link, network: Network, endpoint: Endpoint, namespace: int
    ) -> Request:
        """Create the endpoint's link."""
        return link.new_macvlan(
            name,
            parent.index,
            MACVLAN_MODES[_mode(network)],
            mac=endpoint.mac,
            mtu=network.mtu,
            namespace=namespace,
        )


def _mode(network: Network) -> str:
    mode = network.options.get(MODE) or "bridge"
    if mode not in MACVLAN_MODES:
        raise Invalid(
            f"requested macvlan mode '{mode}' is not valid",
            hint=f"use one of {', '.join(MACVLAN_MODES)}",
        )
    return mode
