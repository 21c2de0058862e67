"""Egress policies of the engine's running containers, and what they have denied.

The rules stand outside the containers, in the engine's own table (`firewall.ruleset`, chains guard
and guarded). What they refuse comes back through nflog; each destination is told once in `QUIET`
seconds, in the daemon's log and as the container event `egress-denied`, and at most `BURST` of one
container within that time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from wherry.engine.networks import egress
from wherry.engine.networks.egress_guard import Guard
from wherry.errors import Unsupported, WherryError

if TYPE_CHECKING:
    from wherry.engine.containers.record import Container
    from wherry.engine.networks.dns.service import Dns
    from wherry.engine.networks.dns.upstream import Reply
    from wherry.engine.networks.firewall.table import Row, Table
    from wherry.engine.networks.values import EgressPolicy, Endpoint, Network
    from wherry.kernel.netlink.nflog import LogSocket

QUIET: Final = 10.0
BURST: Final = 20
SWEEP: Final = 5.0
"""Seconds between looks for addresses whose time is over."""
_MOST_TOLD: Final = 4096

Tell = Callable[[str, Mapping[str, str]], None]
"""Publishes `egress-denied` of a container (id, attributes)."""

_log = logging.getLogger(__name__)


def policy_of(record: Container, network: Network) -> EgressPolicy | None:
    """The container's own policy, or the network's; None where everything may leave.

    Raises Invalid, which a container that could be made does not.
    """
    for text in (
        (record.config.labels or {}).get(egress.LABEL),
        network.options.get(egress.LABEL),
        network.labels.get(egress.LABEL),
    ):
        if text is not None:
            return egress.parse(text)
    return network.egress


@dataclass(slots=True)
class Confined:
    """A container under policies: one guard for each policy (its networks may differ).

    `partly`: it has another way out that is under none, so every name may be asked for.
    """

    record: Container
    guards: list[Guard]
    partly: bool = False
    told: dict[tuple[str, int, str], float] = field(default_factory=dict)
    burst_until: float = 0.0
    burst: int = 0


class Verdicts:
    """What the guards of one container say together, as the DNS server asks for it."""

    def __init__(self, held: Confined, denied: Callable[[str], None]) -> None:
        self._held = held
        self._denied = denied

    def allows(self, name: str) -> bool:
        """Whether any of the container's policies allows the name; a refusal is reported."""
        if self._held.partly or any(guard.allows(name) for guard in self._held.guards):
            return True
        self._denied(name)
        return False

    def learn(self, reply: Reply) -> None:
        """Open the ways that the policies allow. Raises kinds."""
        for guard in self._held.guards:
            guard.learn(reply)


class Egress:
    """All policies of one engine. Lives in the event loop; nothing exists without a policy."""

    def __init__(self, table: Table, log_group: int, dns: Dns, tell: Tell) -> None:
        self._table = table
        self._log_group = log_group
        self._dns = dns
        self._tell = tell
        self._confined: dict[str, Confined] = {}
        self._by_source: dict[str, Confined] = {}
        self._packets: LogSocket | None = None
        self._sweeping: asyncio.TimerHandle | None = None

    def confine(self, record: Container, made: Iterable[tuple[Network, Endpoint]]) -> None:
        """Put a container's endpoints under their policies, instead of those that it had.

        Call it before packets can leave. Its names come under them with `confine_names`, once its
        DNS server is there. Raises kinds, OSError; nothing is changed then.
        """
        held, before = self._make(record, made), self._confined.get(record.id)
        rows = [row for guard in held.guards for row in guard.fixed_rows()] if held else []
        if held is not None:
            self._listen()
        old = [row for guard in before.guards for row in guard.all_rows()] if before else []
        if rows or old:
            self._table.change(add=rows, delete=old)
        self._forget(record.id)
        if held is not None:
            self._keep(held)

    def concerns(self, record: Container, networks: Iterable[Network]) -> bool:
        """Whether a container needs the embedded DNS for its policies. Raises Invalid."""
        return any(policy_of(record, network) is not None for network in networks)

    def confine_names(self, container_id: str) -> None:
        """Put the names of a container under its policies, or free them where it has none."""
        held = self._confined.get(container_id)
        if held is None:
            self._dns.confine(container_id, None)
        else:
            denied = partial(self._denied, container_id, port=53, protocol="dns")
            self._dns.confine(container_id, Verdicts(held, denied))

    def release(self, container_id: str) -> None:
        """Forget a container that ended; one without policies is no error."""
        if container_id in self._confined:
            self._read()  # what it was denied last
        held = self._forget(container_id)
        if held is None:
            return
        try:
            self._table.change(delete=[row for guard in held.guards for row in guard.all_rows()])
        except WherryError as error:
            _log.error("egress rules of container %s stay: %s", held.record.name, error)

    def restore(
        self, running: Iterable[tuple[Container, list[tuple[Network, Endpoint]]]]
    ) -> list[Row]:
        """The elements for containers that ran on, for the table that is about to be made anew."""
        for record, made in running:
            try:
                held = self._make(record, made)
            except WherryError as error:
                _log.error("the egress policy of container %s: %s", record.name, error)
                continue
            if held is not None:
                self._keep(held)
        if self._confined:
            self._listen()
        return [
            row for held in self._confined.values() for g in held.guards for row in g.fixed_rows()
        ]

    def close(self) -> None:
        """Let go; the rules of what runs stay in the kernel."""
        if self._packets is not None:
            asyncio.get_running_loop().remove_reader(self._packets.fileno())
            self._packets.close()
            self._packets = None
        if self._sweeping is not None:
            self._sweeping.cancel()

    def _make(self, record: Container, made: Iterable[tuple[Network, Endpoint]]) -> Confined | None:
        by_policy: dict[EgressPolicy, list[str]] = {}
        partly = False
        for network, endpoint in made:
            policy = policy_of(record, network)
            if policy is None:
                partly = partly or not network.internal
            elif network.driver != "bridge":
                raise Unsupported(
                    f"an egress policy cannot be enforced on network {network.name}: its driver "
                    f"{network.driver} goes past the host's firewall",
                    hint="use a network of the bridge driver",
                )
            else:
                addresses = filter(None, (endpoint.ipv4, endpoint.ipv6))
                by_policy.setdefault(policy, []).extend(addresses)
        if not by_policy:
            return None
        clock = asyncio.get_running_loop().time
        guards = [
            Guard(policy, sources, self._table, clock) for policy, sources in by_policy.items()
        ]
        return Confined(record, guards, partly)

    def _forget(self, container_id: str) -> Confined | None:
        held = self._confined.pop(container_id, None)
        if held is not None:
            self._by_source = {s: each for s, each in self._by_source.items() if each is not held}
        return held

    def _keep(self, held: Confined) -> None:
        self._confined[held.record.id] = held
        for guard in held.guards:
            self._by_source.update(dict.fromkeys(guard.sources, held))
        if self._sweeping is None:
            self._sweeping = asyncio.get_running_loop().call_later(SWEEP, self._sweep)

    def _sweep(self) -> None:
        self._sweeping = None
        for held in self._confined.values():
            for guard in held.guards:
                try:
                    guard.sweep()
                except WherryError as error:
                    _log.error("old egress rules of %s stay: %s", held.record.name, error)
        if self._confined:
            self._sweeping = asyncio.get_running_loop().call_later(SWEEP, self._sweep)

    def _listen(self) -> None:
        if self._packets is not None:
            return
        from wherry.kernel.netlink.nflog import LogSocket

        self._packets = LogSocket(self._log_group)
        asyncio.get_running_loop().add_reader(self._packets.fileno(), self._read)

    def _read(self) -> None:
        if self._packets is None:
            return
        for packet in self._packets.packets():
            held = self._by_source.get(packet.source)
            if held is not None:
                self._denied(held.record.id, packet.destination, packet.port, packet.protocol)

    def _denied(self, container_id: str, destination: str, port: int, protocol: str) -> None:
        held = self._confined.get(container_id)
        if held is None or not _is_news(held, (destination, port, protocol)):
            return
        record = held.record
        _log.warning(
            "egress denied: container %s (%s) to %s port %d %s",
            record.name, record.id[:12], destination, port, protocol,
        )  # fmt: skip
        self._tell(
            record.id,
            {"destination": destination, "port": str(port), "protocol": protocol},
        )


def _is_news(held: Confined, what: tuple[str, int, str]) -> bool:
    """Whether to tell of it: not the same again at once, and not too much of one container."""
    now = asyncio.get_running_loop().time()
    if held.told.get(what, -QUIET) + QUIET > now:
        return False
    if held.burst_until <= now:
        held.burst, held.burst_until = 0, now + QUIET
        held.told = {key: at for key, at in held.told.items() if at + QUIET > now}
    held.burst += 1
    if held.burst > BURST or len(held.told) >= _MOST_TOLD:
        return False
    held.told[what] = now
    return True
