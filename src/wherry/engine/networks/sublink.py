"""macvlan and ipvlan networks: each endpoint is a link of its own on top of one of the host's.

Without the option `parent` a network is on a dummy link of its own and reaches nothing else, as
in Docker; "eth0.20" is made as VLAN 20 of eth0 where it is missing. Containers are neighbours
of the outer network, so the host neither forwards nor filters for them, and ports are not
published.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from wherry.engine.networks.driver import Joined
from wherry.engine.networks.inside import addresses, default_routes, settle
from wherry.engine.networks.sandbox import Sandbox
from wherry.engine.networks.values import Endpoint, Network
from wherry.errors import Invalid, Unsupported
from wherry.kernel.netlink import link
from wherry.kernel.netlink.link import Link
from wherry.kernel.netlink.message import Request
from wherry.kernel.netlink.socket import NetlinkSocket

PARENT: Final = "parent"
_NOT_SUPPORTED: Final = 95
_log = logging.getLogger(__name__)


class SublinkDriver:
    """What macvlan and ipvlan share; `routes` is a socket in the host's namespace."""

    uses_pairs = False
    kind: str

    def __init__(self, routes: NetlinkSocket, suffix: str) -> None:
        self._routes = routes
        self._mark = f"wherry:{suffix}:"

    def request(
        self, name: str, parent: Link, network: Network, endpoint: Endpoint, namespace: int
    ) -> Request:
        """Create the endpoint's link inside `namespace`. Raises Invalid for a wrong option."""
        raise NotImplementedError

    def check(self, network: Network) -> None:
        """Raise Invalid for options that make no sense."""
        raise NotImplementedError

    def create(self, network: Network) -> None:
        """Find the parent, or make it where it is a VLAN or the network is internal."""
        self.check(network)
        name = parent_name(network)
        if link.find(self._routes, name) is not None:
            return
        try:
            self._routes.execute(self._new_parent(name, network))
        except OSError as error:
            if error.errno == _NOT_SUPPORTED:
                raise Unsupported(
                    f"this kernel cannot make the parent {name} of network {network.name}",
                    hint="name a link of the host: -o parent=eth0",
                ) from None
            raise
        made = link.by_name(self._routes, name)
        alias = f"{self._mark}{network.id}"
        self._routes.execute(link.change(made.index, alias=alias, up=True))

    def _new_parent(self, name: str, network: Network) -> Request:
        if not network.options.get(PARENT):
            return link.new_dummy(name)
        base, dot, tag = name.rpartition(".")
        below = link.find(self._routes, base) if dot and tag.isdigit() else None
        if below is None or not 0 < int(tag) < 4095:
            raise Invalid(
                f"invalid subinterface or missing parent link: {name}",
                hint="name a link of the host, or one with a VLAN: eth0.20",
            )
        return link.new_vlan(name, below.index, int(tag))

    def remove(self, network: Network) -> None:
        """Remove a parent that was made for this network."""
        found = link.find(self._routes, parent_name(network))
        if found is not None and found.alias == f"{self._mark}{network.id}":
            self._routes.execute(link.delete(found.index))

    def join(self, sandbox: Sandbox, network: Network, endpoint: Endpoint) -> Joined:
        """Make the endpoint's link inside the sandbox."""
        parent = link.find(self._routes, parent_name(network))
        if parent is None:
            self.create(network)
            parent = link.by_name(self._routes, parent_name(network))
        interface = endpoint.interface or "eth0"
        request = self.request(interface, parent, network, endpoint, sandbox.namespace)
        try:
            self._routes.execute(request)
        except OSError as error:
            if error.errno == _NOT_SUPPORTED:
                raise Unsupported(
                    f"this kernel has no {self.kind}", hint=f"load the module {self.kind}"
                ) from None
            raise
        made = link.by_name(sandbox.routes, interface)
        try:
            if endpoint.ipv6:
                sandbox.enable_ipv6(interface)
            sandbox.routes.execute(
                link.change(made.index, up=True),
                *addresses(made.index, endpoint),
                *default_routes(made.index, endpoint),
            )
        except BaseException:
            sandbox.routes.execute(link.delete(made.index))
            raise
        return Joined(interface, "", made.mac, made.mtu)

    def leave(self, sandbox: Sandbox, network: Network, endpoint: Endpoint) -> None:
        """Delete the endpoint's link; one that is gone is no error."""
        del network
        found = link.find(sandbox.routes, endpoint.interface or "eth0")
        if found is not None:
            sandbox.routes.execute(link.delete(found.index))

    def reroute(self, sandbox: Sandbox, network: Network, endpoint: Endpoint) -> None:
        """Set or remove the default routes through this endpoint."""
        del network
        settle(sandbox, endpoint)

    def restore(self, networks: Sequence[Network], endpoints: Sequence[Endpoint]) -> None:
        """Make missing parents; containers' links live and end with their namespaces."""
        del endpoints
        for network in networks:
            try:
                self.create(network)
            except (Invalid, Unsupported, OSError) as error:
                # A cable that is not plugged in today must not keep the engine from starting.
                _log.warning("network %s has no parent link: %s", network.name, error)


def parent_name(network: Network) -> str:
    """The parent's name: the option's, or that of the network's own dummy link."""
    return network.options.get(PARENT) or f"dm-{network.id[:12]}"
