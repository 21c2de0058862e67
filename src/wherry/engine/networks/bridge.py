"""Bridge networks: a bridge on the host, a veth pair for each endpoint.

The bridge carries the gateway's addresses; the table of `firewall` says what may go where. Links of
ours carry an alias that names the engine and the network, so that an engine that comes back knows
its own; a bridge that was there before (option `com.docker.network.bridge.name`) has none and is
neither changed nor removed.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from typing import Final

from wherry.engine.networks import forwarding, uplift
from wherry.engine.networks.driver import Joined
from wherry.engine.networks.firewall.firewall import Firewall
from wherry.engine.networks.inside import addresses, default_routes, mtu_of, settle
from wherry.engine.networks.sandbox import Pair, Sandbox, write_settings
from wherry.engine.networks.uplift import Classifiers
from wherry.engine.networks.values import Endpoint, Network
from wherry.errors import Conflict, Unsupported
from wherry.kernel.netlink import address, link, neighbour
from wherry.kernel.netlink.link import Link
from wherry.kernel.netlink.message import Request
from wherry.kernel.netlink.socket import NetlinkSocket

_NOT_SUPPORTED: Final = 95
_log = logging.getLogger(__name__)


class BridgeDriver:
    """The driver of bridge networks; `routes` is a socket in the host's namespace."""

    uses_pairs = True

    def __init__(self, routes: NetlinkSocket, firewall: Firewall, suffix: str) -> None:
        self._routes = routes
        self._firewall = firewall
        self._mark = f"wherry:{suffix}:"
        self._classifiers = Classifiers()

    def create(self, network: Network) -> None:
        """Make the bridge with its addresses, and its place in the firewall."""
        bridge = link.find(self._routes, network.bridge)
        made = bridge is None
        try:
            if bridge is None:
                bridge = self._make(network)
            elif bridge.kind != "bridge":
                raise Conflict(
                    f"cannot use {network.bridge} as the bridge of network {network.name}: "
                    f"a link of that name is there and is no bridge",
                    hint="choose another com.docker.network.bridge.name",
                )
            _settings(network)
            if made or self._is_ours(bridge):
                self._routes.execute(
                    *_addresses(bridge, network), link.change(bridge.index, up=True)
                )
            forwarding.enable(network)
            self._firewall.add_network(network)
        except BaseException:
            if made:
                self._delete(network.bridge)
            raise

    def _make(self, network: Network) -> Link:
        mac = "02:42:" + os.urandom(4).hex(":")
        mtu = network.mtu or mtu_of(self._routes)
        try:
            self._routes.execute(link.new_bridge(network.bridge, mac=mac, mtu=mtu))
        except OSError as error:
            if error.errno == _NOT_SUPPORTED:
                raise Unsupported(
                    "this kernel has no bridges", hint="load the module bridge"
                ) from None
            raise
        bridge = link.by_name(self._routes, network.bridge)
        self._routes.execute(link.change(bridge.index, alias=f"{self._mark}{network.id}"))
        return bridge

    def _is_ours(self, bridge: Link) -> bool:
        return bridge.alias.startswith(self._mark)

    def _delete(self, name: str) -> None:
        bridge = link.find(self._routes, name)
        if bridge is not None and (self._is_ours(bridge) or not bridge.alias):
            self._routes.execute(link.delete(bridge.index))

    def remove(self, network: Network) -> None:
        """Remove the bridge, unless it is somebody else's, and its place in the firewall."""
        self._firewall.remove_network(network)
        self._classifiers.forget(network.bridge)
        bridge = link.find(self._routes, network.bridge)
        if bridge is not None and self._is_ours(bridge):
            self._routes.execute(link.delete(bridge.index))

    def join(self, sandbox: Sandbox, network: Network, endpoint: Endpoint) -> Joined:
        """Plug a veth pair in: the sandbox's spare one, or a new one."""
        bridge = self._bridge(network)
        pair = sandbox.spare or self._new_pair(sandbox)
        sandbox.spare = None
        try:
            mtu = network.mtu or bridge.mtu
            mac = endpoint.mac or link.by_index(sandbox.routes, pair.inner).mac
            self._plug(pair.outer_index, bridge, mtu, mac, network)
            interface = endpoint.interface or "eth0"
            if endpoint.ipv6:
                sandbox.enable_ipv6(link.by_index(sandbox.routes, pair.inner).name)
            sandbox.routes.execute(
                link.change(pair.inner, name=interface, mac=endpoint.mac, mtu=mtu),
                link.change(pair.inner, up=True),
                *addresses(pair.inner, endpoint),
                *default_routes(pair.inner, endpoint),
            )
        except BaseException:
            self._unplug(pair.outer)
            raise
        return Joined(interface, pair.outer, mac, mtu)

    def _bridge(self, network: Network) -> Link:
        bridge = link.find(self._routes, network.bridge)
        if bridge is None:
            # Removed by somebody while nothing used it.
            self.create(network)
            bridge = link.by_name(self._routes, network.bridge)
        return bridge

    def _new_pair(self, sandbox: Sandbox) -> Pair:
        outer, inner = f"veth{os.urandom(4).hex()[:7]}", f"v{os.urandom(4).hex()}"
        peer = link.Peer(inner, namespace=sandbox.namespace)
        self._routes.execute(link.new_veth(outer, peer))
        made = link.by_name(sandbox.routes, inner)
        return Pair(outer, made.parent, made.index)

    def _unplug(self, outer: str) -> None:
        if outer and (found := link.find(self._routes, outer)) is not None:
            self._routes.execute(link.delete(found.index))

    def leave(self, sandbox: Sandbox, network: Network, endpoint: Endpoint) -> None:
        """Delete the endpoint's pair; its addresses and routes go with it."""
        del sandbox, network
        self._unplug(endpoint.host_link)

    def reroute(self, sandbox: Sandbox, network: Network, endpoint: Endpoint) -> None:
        """Set or remove the default routes through this endpoint."""
        del network
        settle(sandbox, endpoint)

    def restore(self, networks: Sequence[Network], endpoints: Sequence[Endpoint]) -> None:
        """Make missing bridges, plug running containers in again, remove bridges without record."""
        known = {network.id: network for network in networks}
        for found in link.dump(self._routes):
            if self._is_ours(found) and found.alias.removeprefix(self._mark) not in known:
                _log.info("removing %s, the bridge of a network that is gone", found.name)
                self._routes.execute(link.delete(found.index))
        for network in networks:
            self.create(network)
        for endpoint in endpoints:
            if endpoint.network_id in known:
                self._replug(known[endpoint.network_id], endpoint)

    def _replug(self, network: Network, endpoint: Endpoint) -> None:
        bridge = link.by_name(self._routes, network.bridge)
        outer = link.find(self._routes, endpoint.host_link) if endpoint.host_link else None
        if outer is not None and outer.master != bridge.index:
            _log.info("plugging %s into %s again", outer.name, bridge.name)
            mtu = network.mtu or bridge.mtu
            self._plug(outer.index, bridge, mtu, endpoint.mac, network)

    def _plug(self, port: int, bridge: Link, mtu: int, mac: str, network: Network) -> None:
        """Make a link a port of the bridge: one message to the kernel with everything in it."""
        requests = [link.change(port, master=bridge.index, mtu=mtu, up=True)]
        if not network.icc:
            # Isolated ports exchange no frames with each other, whatever the firewall does.
            requests.append(link.set_port_isolation(port, True))
        requests.append(neighbour.add_station(port, mac))
        self._routes.execute(*requests)
        self._lift(port, bridge, network)

    def _lift(self, port: int, bridge: Link, network: Network) -> None:
        lift = uplift.is_needed()
        if not lift and not network.enable_ipv6:
            return
        gateway = network.v6[0].gateway if network.enable_ipv6 and network.v6 else ""
        try:
            program = self._classifiers.of(bridge, lift=lift, gateway6=gateway)
            uplift.attach(self._routes, port, program)
        except OSError as error:
            # What is lost is small and the container can do without: hairpin, and ::1.
            _log.warning(
                "ports of %s will not be reached from itself and ::1: %s", bridge.name, error
            )


def _addresses(bridge: Link, network: Network) -> list[Request]:
    return [
        address.add(bridge.index, subnet.gateway, subnet.prefix_length)
        for subnet in network.subnets
        if subnet.gateway and (network.enable_ipv6 if subnet.is_v6 else network.enable_ipv4)
    ]


def _settings(network: Network) -> None:
    """The bridge's settings: loopback publishing needs route_localnet, the rest is about IPv6."""
    v4, v6 = f"net/ipv4/conf/{network.bridge}", f"net/ipv6/conf/{network.bridge}"
    write_settings({f"{v4}/route_localnet": "1"})
    if network.enable_ipv6:
        write_settings({f"{v6}/disable_ipv6": "0", f"{v6}/accept_ra": "0", f"{v6}/accept_dad": "0"})
    else:
        write_settings({f"{v6}/disable_ipv6": "1"})
