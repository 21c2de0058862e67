"""Which names stand for which addresses, network by network: what the embedded DNS knows itself.

Fed by the network service at connect, disconnect and rename; read by the servers at each query.
Everything is in memory and derived: after a daemon start the service tells it all again.

Names are compared without case (RFC 4343). A name may carry dots, and so may a network's name, so
`a.b.c` is looked for as `a.b.c` on every network of the asker, as `a.b` on network `c` and as
`a` on network `b.c`, in this order (as Docker does).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Self, TypeVar

from wherry.engine.networks.values import Endpoint

K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class Member:
    """An endpoint as names see it.

    `name` is what a reverse lookup answers (the container's name); `names` are all that resolve to
    it: name, aliases, short id, hostname, service aliases (which several members may share).
    `addresses` are IPv4 and IPv6 in text. `links` maps an alias that only this container may use to
    the name or id of the linked container on the same network.
    """

    endpoint_id: str
    network_id: str
    container_id: str
    name: str
    names: tuple[str, ...]
    addresses: tuple[str, ...]
    links: Mapping[str, str] = field(default_factory=dict)
    priority: int = 0

    @classmethod
    def of(cls, endpoint: Endpoint) -> Self:
        """The names of an endpoint; the first of its `dns_names` is the container's."""
        links = (link.rpartition(":") for link in endpoint.links)
        return cls(
            endpoint_id=endpoint.id,
            network_id=endpoint.network_id,
            container_id=endpoint.container_id,
            name=endpoint.dns_names[0] if endpoint.dns_names else endpoint.container_id[:12],
            names=endpoint.dns_names,
            addresses=tuple(filter(None, (endpoint.ipv4, endpoint.ipv6))),
            links={alias: target for target, _, alias in links},
            priority=endpoint.gw_priority,
        )


@dataclass(frozen=True, slots=True)
class Found:
    """A name that exists: its addresses by family, either of which may be empty."""

    ipv4: tuple[str, ...]
    ipv6: tuple[str, ...]


class NameTable:
    """All members of all user-defined networks. Not for several threads."""

    def __init__(self) -> None:
        self._networks: dict[str, str] = {}  # id -> name
        self._members: dict[str, Member] = {}  # by endpoint id
        self._named: dict[tuple[str, str], dict[str, Member]] = {}  # (network, name) -> by endpoint
        self._by_address: dict[tuple[str, str], Member] = {}  # (network, address)
        self._of_container: dict[str, dict[str, Member]] = {}  # container -> by endpoint

    def add_network(self, network_id: str, name: str) -> None:
        """Make a network's name known, for lookups of `container.network`."""
        self._networks[network_id] = name.lower()

    def remove_network(self, network_id: str) -> None:
        """Forget a network, which has no member any more."""
        self._networks.pop(network_id, None)

    def join(self, member: Member) -> None:
        """Add an endpoint, or replace what was known of it (rename, new aliases)."""
        self.leave(member.endpoint_id)
        self._members[member.endpoint_id] = member
        self._of_container.setdefault(member.container_id, {})[member.endpoint_id] = member
        for name in member.names:
            key = (member.network_id, name.lower())
            self._named.setdefault(key, {})[member.endpoint_id] = member
        for address in member.addresses:
            self._by_address[member.network_id, address] = member

    def leave(self, endpoint_id: str) -> None:
        """Forget an endpoint; one that is unknown is no error."""
        member = self._members.pop(endpoint_id, None)
        if member is None:
            return
        _remove(self._of_container, member.container_id, endpoint_id)
        for name in member.names:
            _remove(self._named, (member.network_id, name.lower()), endpoint_id)
        for address in member.addresses:
            if self._by_address.get((member.network_id, address)) is member:
                del self._by_address[member.network_id, address]

    def forget_container(self, container_id: str) -> None:
        """Forget all endpoints of a container that has stopped."""
        for endpoint_id in list(self._of_container.get(container_id, ())):
            self.leave(endpoint_id)

    def lookup(self, container_id: str, name: str) -> Found | None:
        """What `name` means to that container; None where it means nothing here."""
        name = name.rstrip(".").lower()
        places = self._places(container_id)
        for place, wanted in _splits(name, [(p, self._networks.get(p.network_id)) for p in places]):
            found = self._on_network(place, wanted)
            if found is not None:
                return found
        return None

    def reverse(self, container_id: str, address: str) -> str | None:
        """`container.network` of whoever has the address on a network of that container."""
        for place in self._places(container_id):
            member = self._by_address.get((place.network_id, address))
            if member is not None:
                return f"{member.name}.{self._networks.get(place.network_id, '')}".rstrip(".")
        return None

    def _places(self, container_id: str) -> list[Member]:
        places = self._of_container.get(container_id)
        if not places:
            return []
        return sorted(places.values(), key=lambda member: -member.priority)

    def _on_network(self, place: Member, name: str) -> Found | None:
        target = _link(place.links, name)
        members = self._named.get((place.network_id, target.lower()))
        if not members:
            return None
        addresses = [address for member in members.values() for address in member.addresses]
        return Found(
            tuple(dict.fromkeys(a for a in addresses if ":" not in a)),
            tuple(dict.fromkeys(a for a in addresses if ":" in a)),
        )


def _link(links: Mapping[str, str], name: str) -> str:
    return next((target for alias, target in links.items() if alias.lower() == name), name)


def _splits(name: str, places: list[tuple[Member, str | None]]) -> Iterator[tuple[Member, str]]:
    """The readings of a dotted name, the whole name first."""
    for place, _ in places:
        yield place, name
    end = len(name)
    while (end := name.rfind(".", 0, end)) > 0:
        for place, network in places:
            if network == name[end + 1 :]:
                yield place, name[:end]


def _remove(table: dict[K, dict[str, Member]], key: K, endpoint_id: str) -> None:
    members = table.get(key)
    if members is not None:
        members.pop(endpoint_id, None)
        if not members:
            del table[key]
