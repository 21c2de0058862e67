"""What networks and published ports mean in the firewall: values in, elements of our table out."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Sequence
from typing import Final

from wherry.engine.networks.firewall import direct, ruleset, sets
from wherry.engine.networks.firewall.direct import Delivery
from wherry.engine.networks.firewall.foreign import Obstacle, obstacles
from wherry.engine.networks.firewall.table import Row, Table
from wherry.engine.networks.firewall.udpflows import UdpFlows
from wherry.engine.networks.sandbox import Sandbox
from wherry.engine.networks.values import (
    GATEWAY_MODE_V4,
    GATEWAY_MODE_V6,
    Network,
    Published,
)
from wherry.errors import Unavailable
from wherry.kernel.nftables import script

_log = logging.getLogger(__name__)

_ANY: Final = ("0.0.0.0", "::")
_MODES: Final = {"4": GATEWAY_MODE_V4, "6": GATEWAY_MODE_V6}


def suffix_of(data_root: str, default_data_root: str) -> str:
    """What tells the links and tables of one engine from those of others on the same machine.

    "" for the engine at the default data root, 8 hex digits of the data root's hash for others.
    """
    if data_root == default_data_root:
        return ""
    return hashlib.sha256(data_root.encode()).hexdigest()[:8]


def table_name(suffix: str) -> str:
    """The name of an engine's table."""
    return f"wherry-{suffix}" if suffix else "wherry"


def log_group(suffix: str) -> int:
    """The nflog group of an engine's denials, so that none reads those of another."""
    return 0x7700 + (int(suffix[:2], 16) if suffix else 0)


class Firewall:
    """The firewall of one engine, in the network namespace in which it is made.

    Nothing exists in the kernel until the first network comes. Every call carries out all or
    nothing, takes some ten microseconds (the very first 5 ms) and is for one thread at a time.
    Raises Unavailable without nftables, Internal where the kernel refuses.
    """

    def __init__(self, suffix: str, *, obeys_input: bool = False) -> None:
        name = table_name(suffix)
        self.table = Table(name, ruleset.layout(log_group(suffix)))
        self.obstacles: Sequence[Obstacle] = ()
        """What other firewalls do to the packets of containers, as of the last `restore`."""
        self._delivery = Delivery.INPUT if obeys_input else Delivery.TRANSLATED
        self._direct: dict[str, Table] = {}
        if obeys_input:
            self._deliver(Delivery.INPUT)
        self._networks: dict[str, Network] = {}
        self._flows = UdpFlows()

    @property
    def tables(self) -> list[Table]:
        """Every table of ours."""
        return [self.table, *self._direct.values()]

    def _deliver(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self._direct = {
            version: Table(self.table.name, direct.layout(version, delivery))
            for version in sets.VERSIONS
        }

    def add_network(self, network: Network) -> None:
        """Let a bridge's containers do what its network allows, and nothing else."""
        self.table.change(add=network_rows(network))
        self._networks[network.id] = network

    def remove_network(self, network: Network) -> None:
        """Forget a bridge."""
        self.table.change(delete=network_rows(network))
        self._networks.pop(network.id, None)

    @property
    def translates_inside(self) -> bool:
        """Whether containers need `translate_inside`, before their ports are published."""
        return bool(self._direct)

    def translate_inside(self, sandbox: Sandbox, published: Sequence[Published]) -> None:
        """Have a container translate its ports itself: all of them, in place of earlier ones.

        Blocks for some 10 ms. Raises Unavailable.
        """
        text = direct.inside(published)
        try:
            sandbox.run(lambda: script.run(text))
        except script.NftFailed as error:
            raise Unavailable(
                f"cannot set up published ports inside the container: {error}",
                hint="install nftables, and load the kernel's nf_tables",
            ) from None

    def publish(self, published: Sequence[Published]) -> None:
        """Open published ports; all or none."""
        self.table.change(add=self._port_rows(published))
        try:
            for version, rows in self._direct_rows(published):
                self._direct[version].change(add=rows)
        except BaseException:
            self.unpublish(published)
            raise
        self._flows.begin_anew(published)

    def unpublish(self, published: Sequence[Published]) -> None:
        """Close published ports; what is not open is no error.

        TCP connections that are there stay, UDP has none: its packets stop arriving.
        """
        for version, rows in self._direct_rows(published):
            self._direct[version].change(delete=rows)
        self.table.change(delete=self._port_rows(published))
        self._flows.end(published)

    def _direct_rows(self, published: Iterable[Published]) -> list[tuple[str, list[Row]]]:
        if not self._direct:
            return []
        return list(direct.by_version(list(published), self._bridge_of).items())

    def _bridge_of(self, published: Published) -> str:
        network = self._networks.get(published.network_id)
        if network is None or _mode(network, published.container_ip) == "routed":
            return ""
        return network.bridge

    def restore(
        self,
        networks: Iterable[Network],
        published: Iterable[Published],
        more: Iterable[Row] = (),
    ) -> None:
        """The whole table, as it must be, in one transaction; connections go on meanwhile.

        Without networks no table is made, and one that an earlier daemon left is removed.
        """
        self._networks = {each.id: each for each in networks if each.driver == "bridge"}
        published = list(published)
        self._look_at_others()
        rows = [row for each in self._networks.values() for row in network_rows(each)]
        rows += [*self._port_rows(published), *more]
        if rows:
            self.table.make(rows)
        elif self.table.is_there():
            self.table.remove()
        for version, direct_rows in self._direct_rows(published):
            if direct_rows:
                self._direct[version].make(direct_rows)
            else:
                self._direct[version].remove()

    def _look_at_others(self) -> None:
        """Deliver directly where others would drop, and say what that does not help."""
        self.obstacles = obstacles(ruleset.MARK)
        for text in self.warnings():
            _log.warning("%s", text.removeprefix("WARNING: "))
        if self.obstacles and self._delivery is Delivery.TRANSLATED:
            self._deliver(Delivery.DIRECT)
        if not self._direct:
            self._remove_direct_of_earlier_daemon()

    def _remove_direct_of_earlier_daemon(self) -> None:
        for version in sets.VERSIONS:
            table = Table(self.table.name, direct.layout(version, Delivery.DIRECT))
            table.close(remove=True)

    def warnings(self) -> tuple[str, ...]:
        """What other firewalls keep containers from, each with the rule that lets them, in the form
        of Docker's `info`."""
        return tuple(
            f"WARNING: the host's firewall drops what the host forwards ({each}): containers of "
            f"bridge networks do not reach other hosts until it lets them: {each.remedy}"
            for each in self.obstacles
        )

    def close(self, *, remove: bool) -> None:
        """Let go of the kernel; with `remove` our table goes too (the engine is shut down)."""
        self._flows.close()
        for table in self.tables:
            table.close(remove=remove)

    def _port_rows(self, published: Iterable[Published]) -> list[Row]:
        return [port_row(each, self._networks.get(each.network_id)) for each in published]


def network_rows(network: Network) -> list[Row]:
    """The elements of one bridge network."""
    bridge = network.bridge
    rows = [Row(sets.BRIDGES, (bridge,)), Row(sets.SAME, (bridge, bridge))]
    if network.internal:
        return [*rows, Row(sets.INTERNAL, (bridge,))]
    for version, option in _MODES.items():
        mode = network.options.get(option) or "nat"
        if mode == "nat-unprotected":
            rows.append(Row(sets.OPEN[version], (bridge,)))
        if mode == "routed":
            rows.append(Row(sets.ROUTED[version], (bridge,)))
    for subnet in network.subnets:
        if network.masquerade_v6 if subnet.is_v6 else network.masquerade_v4:
            rows.append(Row(sets.MASQUERADE[sets.version_of(subnet.cidr)], (subnet.cidr,)))
    return rows


def _mode(network: Network, address: str) -> str:
    return network.options.get(_MODES[sets.version_of(address)]) or "nat"


def port_row(published: Published, network: Network | None) -> Row:
    """The element of one published port."""
    version = sets.version_of(published.container_ip)
    inside = (published.container_ip, str(published.container_port))
    if network is not None and _mode(network, published.container_ip) == "routed":
        return Row(sets.ROUTED_PORTS[version], (inside[0], published.proto, inside[1]))
    port = str(published.host_port)
    if published.host_ip in _ANY:
        return Row(sets.ANY[version], (published.proto, port), inside)
    return Row(sets.PUBLISH[version], (published.proto, published.host_ip, port), inside)
