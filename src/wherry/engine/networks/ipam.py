"""Which addresses of a network are handed out: in memory, derived from what is on record.

Nothing is stored here. When the daemon starts it tells again what running containers hold, so an
address cannot outlive its container, however the daemon ended. The lowest free address goes first,
as with Docker.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import TYPE_CHECKING

from wherry.engine.networks.addresses import Address
from wherry.engine.networks.pools import interval
from wherry.errors import Denied, Invalid, Unavailable

if TYPE_CHECKING:
    from wherry.engine.networks.values import Network, Subnet


class Addresses:
    """The addresses of one subnet."""

    def __init__(self, subnet: Subnet) -> None:
        self._block = ipaddress.ip_network(subnet.cidr)
        self._kind = type(self._block.network_address)
        whole = interval(self._block)
        part = interval(ipaddress.ip_network(subnet.ip_range)) if subnet.ip_range else whole
        # The first address names the network; the last one of IPv4 means everybody.
        ends = {whole[0], whole[1]} if self._block.version == 4 else {whole[0]}
        kept = {int(self._kind(text)) for text in (subnet.gateway, *subnet.aux.values()) if text}
        self._reserved = ends | kept
        self._taken: set[int] = set()
        self._first, self._last = part
        self._next = self._first

    def __contains__(self, address: Address) -> bool:
        """Whether an address belongs to this subnet."""
        return address in self._block

    @property
    def version(self) -> int:
        """4 or 6."""
        return self._block.version

    def take(self) -> str | None:
        """The lowest free address; None when all are handed out."""
        for number in range(self._next, self._last + 1):
            if number not in self._taken and number not in self._reserved:
                self._taken.add(number)
                self._next = number + 1
                return str(self._kind(number))
        self._next = self._last + 1
        return None

    def take_exactly(self, address: Address) -> None:
        """One address of the client's choice. Raises Denied (403, as Docker) when it is in use."""
        number = int(address)
        if number in self._taken or number in self._reserved:
            raise Denied(
                "Address already in use",
                hint=f"{address} belongs to another container or to the network itself",
            )
        self._taken.add(number)

    def hold(self, address: Address) -> None:
        """Note an address that is in use already."""
        self._taken.add(int(address))

    def give_back(self, address: Address) -> None:
        """The address is free again; one that was not taken is no error."""
        number = int(address)
        self._taken.discard(number)
        if self._first <= number < self._next:
            self._next = number


class Ipam:
    """The addresses of all networks."""

    def __init__(self) -> None:
        self._networks: dict[str, tuple[Addresses, ...]] = {}

    def add(self, network: Network) -> None:
        """Begin to hand out addresses of a network."""
        self._networks[network.id] = tuple(Addresses(subnet) for subnet in network.subnets)

    def remove(self, network_id: str) -> None:
        """Forget a network."""
        self._networks.pop(network_id, None)

    def take(self, network: Network, version: int, wanted: str = "") -> str:
        """An address of that IP version, the wanted one if one is wanted.

        Raises Denied when it is in use, Invalid outside of every subnet, Unavailable when the
        subnets are full.
        """
        pools = [p for p in self._networks[network.id] if p.version == version]
        if wanted:
            return _take_wanted(pools, ipaddress.ip_address(wanted))
        for pool in pools:
            if (address := pool.take()) is not None:
                return address
        raise Unavailable(
            f"no available IPv{version} addresses on this network's address pools: "
            f"{network.name} ({network.id})",
            hint="remove containers from it, or make a network with a larger --subnet",
        )

    def hold(self, network_id: str, addresses: Iterable[str]) -> None:
        """Note addresses that are in use already (a container that ran on)."""
        for text in filter(None, addresses):
            address = ipaddress.ip_address(text)
            for pool in self._networks.get(network_id, ()):
                if address in pool:
                    pool.hold(address)

    def give_back(self, network_id: str, addresses: Iterable[str]) -> None:
        """The addresses are free again; unknown ones are no error."""
        for text in filter(None, addresses):
            address = ipaddress.ip_address(text)
            for pool in self._networks.get(network_id, ()):
                if address in pool:
                    pool.give_back(address)


def _take_wanted(pools: Iterable[Addresses], address: Address) -> str:
    for pool in pools:
        if address in pool:
            pool.take_exactly(address)
            return str(address)
    raise Invalid(
        f"no configured subnet or ip-range contain the IP address {address}",
        hint="choose an address within a subnet of the network (see network inspect)",
    )
