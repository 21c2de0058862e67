"""One container's egress policy at work: what its firewall elements are, and which names it allows.

The addresses of allowed names come from answers that the embedded DNS gave, each for as long as its
answer holds; the engine takes them out again, so that they stand in the table's memory and come
back with it when somebody flushes the ruleset. Addresses on the host's loopback, link-local ones
(among them the metadata services of clouds) and multicast are never let through by a name: a name's
owner chooses its addresses, and must not choose those.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Protocol

from wherry.engine.networks.dns.message import TYPE_A, TYPE_AAAA, TYPE_CNAME
from wherry.engine.networks.dns.upstream import Reply
from wherry.engine.networks.egress import is_name
from wherry.engine.networks.firewall import sets
from wherry.engine.networks.firewall.table import Row
from wherry.engine.networks.values import EgressPolicy, EgressRule

SHORTEST: Final = 60.0
"""Seconds that an answer counts at least: clients use it a little longer than it holds."""
LONGEST: Final = 86400.0
MOST: Final = 4096
"""Addresses of names that one container may have open; the oldest goes first."""
_PROTOCOLS: Final = ("tcp", "udp", "sctp")


class Table(Protocol):
    """The firewall's table, as far as it is used here."""

    def change(self, *, add: Sequence[Row] = (), delete: Sequence[Row] = ()) -> None:
        """Delete and add elements, all or none."""
        ...


class Guard:
    """The policy of one container; `sources` are its addresses, all of them under the policy."""

    def __init__(
        self,
        policy: EgressPolicy,
        sources: Iterable[str],
        table: Table,
        clock: Callable[[], float],
    ) -> None:
        self._names = tuple(rule for rule in policy.allow if is_name(rule))
        self._networks = tuple(rule for rule in policy.allow if not is_name(rule))
        self.sources = tuple(sources)
        self._table = table
        self._clock = clock
        self._open: OrderedDict[tuple[str, int], float] = OrderedDict()  # (address, port) -> until

    def fixed_rows(self) -> list[Row]:
        """The elements that stand as long as the container is under the policy."""
        rows = [Row(sets.GUARDED[sets.version_of(each)], (each,)) for each in self.sources]
        for port, cidrs in _by_port(self._networks).items():
            rows += [row for cidr in cidrs for row in self._network_rows(cidr, port)]
        return rows

    def all_rows(self) -> list[Row]:
        """The fixed elements and those of names."""
        return [*self.fixed_rows(), *(row for key in self._open for row in self._rows(*key))]

    def allows(self, name: str) -> bool:
        """Whether the name may be asked for."""
        return any(_covers(rule, name) for rule in self._names)

    def learn(self, reply: Reply) -> None:
        """Open the way to the addresses in the answer to an allowed question. Raises kinds."""
        response = reply.response
        ports = {rule.port for rule in self._names if _covers(rule, response.name)}
        owners = {response.name}
        fresh: list[Row] = []
        for record in response.records:
            if record.name not in owners:
                continue
            if record.type == TYPE_CNAME:
                owners.add(record.data)
            elif record.type in (TYPE_A, TYPE_AAAA) and _may_be_opened(record.data):
                until = self._clock() + min(max(record.ttl, SHORTEST), LONGEST)
                fresh += self._note(record.data, {0} if 0 in ports else ports, until)
        excess = [self._open.popitem(last=False)[0] for _ in range(len(self._open) - MOST)]
        gone = [row for key in excess for row in self._rows(*key)]
        if fresh or gone:
            self._table.change(add=fresh, delete=gone)

    def sweep(self) -> None:
        """Close the way to addresses whose time is over. Raises kinds."""
        now = self._clock()
        over = [key for key, until in self._open.items() if until <= now]
        if over:
            self._table.change(delete=[row for key in over for row in self._rows(*key)])
            for key in over:
                del self._open[key]

    def _note(self, address: str, ports: Iterable[int], until: float) -> list[Row]:
        fresh = []
        for port in ports:
            key = (address, port)
            known = self._open.pop(key, None)
            self._open[key] = max(until, known or 0.0)
            if known is None:
                fresh += self._rows(address, port)
        return fresh

    def _rows(self, address: str, port: int) -> list[Row]:
        version = sets.version_of(address)
        sources = [each for each in self.sources if sets.version_of(each) == version]
        if not port:
            return [Row(sets.ALLOWED[version], (source, address)) for source in sources]
        return [
            Row(sets.ALLOWED_PORTS[version], (source, address, protocol, str(port)))
            for source in sources
            for protocol in _PROTOCOLS
        ]

    def _network_rows(self, cidr: str, port: int) -> list[Row]:
        version = sets.version_of(cidr)
        sources = [each for each in self.sources if sets.version_of(each) == version]
        if not port:
            return [Row(sets.NETWORKS[version], (source, cidr)) for source in sources]
        return [
            Row(sets.NETWORK_PORTS[version], (source, cidr, protocol, str(port)))
            for source in sources
            for protocol in _PROTOCOLS
        ]


def _covers(rule: EgressRule, name: str) -> bool:
    if rule.host.startswith("*."):
        return name.endswith(rule.host[1:]) and len(name) > len(rule.host) - 1
    return name == rule.host


def _by_port(rules: Iterable[EgressRule]) -> Mapping[int, list[str]]:
    """The subnets of each port, none inside another: sets of intervals take no overlaps."""
    found: dict[int, list[str]] = {}
    for port in dict.fromkeys(rule.port for rule in rules):
        for version in (4, 6):
            networks = [ipaddress.ip_network(rule.host) for rule in rules if rule.port == port]
            same = [network for network in networks if network.version == version]
            merged = ipaddress.collapse_addresses(same)  # type: ignore[type-var]
            found.setdefault(port, []).extend(str(network) for network in merged)
    return found


def _may_be_opened(address: str) -> bool:
    if not address:
        return False
    parsed = ipaddress.ip_address(address)
    mapped = getattr(parsed, "ipv4_mapped", None) or parsed
    return not (
        mapped.is_loopback or mapped.is_link_local or mapped.is_multicast or mapped.is_unspecified
    )
