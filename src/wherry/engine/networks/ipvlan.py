"""ipvlan networks: endpoints that share the MAC address of a link of the host."""

from __future__ import annotations

from wherry.engine.networks.sublink import SublinkDriver
from wherry.engine.networks.values import Endpoint, Network
from wherry.errors import Invalid
from wherry.kernel.netlink import link
from wherry.kernel.netlink.link import IPVLAN_FLAGS, IPVLAN_MODES, Link
from wherry.kernel.netlink.message import Request

MODE = "ipvlan_mode"
FLAG = "ipvlan_flag"


class IpvlanDriver(SublinkDriver):
    """The driver of ipvlan networks; options `ipvlan_mode` (l2, l3, l3s), `ipvlan_flag`."""

    kind = "ipvlan"

    def check(self, network: Network) -> None:
        """Raise Invalid for an unknown mode or flag."""
        _number(network, MODE, "l2", IPVLAN_MODES)
        _number(network, FLAG, "bridge", IPVLAN_FLAGS)

    def request(
        self, name: str, parent: Link, network: Network, endpoint: Endpoint, namespace: int
    ) -> Request:
        """Create the endpoint's link; it has no MAC address of its own to give."""
        del endpoint
        return link.new_ipvlan(
            name,
            parent.index,
            _number(network, MODE, "l2", IPVLAN_MODES),
            _number(network, FLAG, "bridge", IPVLAN_FLAGS),
            mtu=network.mtu,
            namespace=namespace,
        )


def _number(network: Network, option: str, default: str, known: object) -> int:
    assert isinstance(known, dict)
    value = network.options.get(option) or default
    if value not in known:
        raise Invalid(
            f"requested {option.replace('_', ' ')} '{value}' is not valid",
            hint=f"use one of {', '.join(known)}",
        )
    return int(known[value])
