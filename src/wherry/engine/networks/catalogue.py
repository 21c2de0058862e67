"""All networks of an engine: in memory to be found, in the database to be kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from wherry.errors import Invalid, NotFound

if TYPE_CHECKING:
    from wherry.engine.networks.store import NetworkTable
    from wherry.engine.networks.values import Network

_ID_PREFIX: Final = re.compile(r"[0-9a-f]{1,64}")


class Catalogue:
    """Finds networks and keeps their records."""

    def __init__(self, table: NetworkTable) -> None:
        self._table = table
        self._by_id = {network.id: network for network in table.load()}
        self._by_name = {network.name: network for network in self._by_id.values()}

    def __iter__(self) -> Iterator[Network]:
        return iter(list(self._by_id.values()))

    def named(self, name: str) -> Network | None:
        """By the whole name."""
        return self._by_name.get(name)

    def by_id(self, id: str) -> Network | None:
        """By the whole id."""
        return self._by_id.get(id)

    def find(self, ref: str) -> Network:
        """By id, name or unique prefix of an id. Raises NotFound, Invalid for several."""
        exact = self._by_id.get(ref) or self._by_name.get(ref)
        if exact is not None:
            return exact
        if not ref:
            raise Invalid('invalid name or ID supplied: ""')
        found = [n for n in self if _ID_PREFIX.fullmatch(ref) and n.id.startswith(ref)]
        if len(found) > 1:
            raise Invalid(f"network {ref} is ambiguous ({len(found)} matches found on ID prefix)")
        if not found:
            raise NotFound(f"network {ref} not found")
        return found[0]

    def name_of(self, ref: str) -> str:
        """The name of the network that a name or id means, `ref` itself where there is none."""
        try:
            return self.find(ref).name
        except (NotFound, Invalid):
            return ref

    def add(self, network: Network) -> None:
        """Keep a network, new or changed."""
        self._table.add(network)
        self._by_id[network.id] = network
        self._by_name[network.name] = network

    def remove(self, network: Network) -> None:
        """Forget it."""
        self._table.delete(network)
        self._by_id.pop(network.id, None)
        self._by_name.pop(network.name, None)

    def subnets(self) -> list[str]:
        """Every subnet that a network has (configuration-only networks have none yet)."""
        return [
            subnet.cidr for network in self if not network.config_only for subnet in network.subnets
        ]
