"""Networks as the life of containers sees them: entered at a start, left at an end, told in events.

Containers on "none" and "host" need nothing made, so for them the gate stays shut.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from wherry.engine.containers.spec.hostsfile import HOST_GATEWAY
from wherry.engine.containers.spec.resolvfile import Wishes
from wherry.engine.networks import wishes
from wherry.engine.networks.values import (
    NO_BRIDGE,
    Attachment,
    Endpoint,
    NetworkState,
    predefined_id,
)

if TYPE_CHECKING:
    from wherry.engine.containers.config import NetworkingConfig
    from wherry.engine.containers.live import Live
    from wherry.engine.containers.record import Container
    from wherry.engine.containers.roster import Roster
    from wherry.engine.events import EventLog
    from wherry.engine.networks.attachments import Attachments
    from wherry.engine.networks.core import Core
    from wherry.engine.networks.gate import Gate
    from wherry.engine.networks.sandbox import Owner, Sandbox

BARE: Final[Mapping[str, str]] = {"host": "host", "none": "null"}
"""Networks that need nothing made, and their drivers."""


class Networking:
    """Joins containers to networks and lets them go; keeps what they have in their records."""

    def __init__(self, gate: Gate, roster: Roster, events: EventLog, engine_id: str) -> None:
        self.gate = gate
        self._roster = roster
        self._events = events
        self._engine_id = engine_id

    async def restore(self) -> None:
        """At the daemon's start: take over what runs, clear away what does not."""
        for live in self._roster:
            if not live.record.state.running:
                live.record.network = NetworkState()
        if self.gate.was_open():
            await self.gate.open()

    async def enter(self, live: Live, user_namespace: str = "") -> Sandbox | None:
        """Make the networks of a container that is about to start; note them in its record.

        The sandbox is where it shall run: close it when it has started. It belongs to the user
        namespace at that path, or to a new one where the record has a map. None where the runtime
        makes the namespace itself, or takes another. Raises what `Attachments.enter` does.
        """
        record = live.record
        wanted = wishes.settings_of(record)
        if "bridge" in wanted and self.gate.settings.bridge == NO_BRIDGE:
            wanted = {"none": wanted["bridge"]}
        if wanted.keys() <= BARE.keys():
            for wish in wanted.values():
                wishes.check_predefined(wish)
            record.network = NetworkState(tuple(self._bare(record, name) for name in wanted))
            sandbox = None
        else:
            entered = await self._attachments(await self.gate.open()).enter(
                record, _owner(record, user_namespace)
            )
            record.network, sandbox = entered.state, entered.sandbox
        # On record before the container runs: a daemon that is killed now finds the addresses.
        self._roster.move(live, record.state)
        for attachment in record.network.attachments:
            self._tell("connect", record, attachment)
        return sandbox

    def leave(self, live: Live) -> None:
        """Let go of the networks of a container that ended or did not come."""
        record = live.record
        if not record.network.attachments:
            return
        if self.gate.core is not None:
            self._attachments(self.gate.core).leave(record)
        for attachment in record.network.attachments:
            self._tell("disconnect", record, attachment)
        record.network = NetworkState()

    @property
    def resolver_defaults(self) -> Wishes:
        """What the daemon's configuration puts into every resolv.conf."""
        settings = self.gate.settings
        return Wishes(settings.dns, settings.dns_search, settings.dns_opts)

    async def host_gateways(self, record: Container) -> Sequence[str]:
        """What `host-gateway` stands for: the default bridge's own addresses, as in Docker."""
        if not any(entry.endswith(HOST_GATEWAY) for entry in record.host_config.extra_hosts or ()):
            return ()
        if self.gate.settings.host_gateway_ips:
            return self.gate.settings.host_gateway_ips
        bridge = (await self.gate.open()).catalogue.find("bridge")
        return [subnet.gateway for subnet in bridge.subnets]

    async def canonical(self, networking: NetworkingConfig, mode: str) -> NetworkingConfig:
        """What a new container wants, under its networks' names (clients also give ids)."""
        names = set(networking.endpoints_config or {}) | {mode}
        if names <= {"", "default", "bridge", *BARE} or wishes.borrows(mode):
            return wishes.renamed(networking, mode, str)
        catalogue = (await self.gate.open()).catalogue
        return wishes.renamed(networking, mode, catalogue.name_of)

    def _attachments(self, core: Core) -> Attachments:
        from wherry.engine.networks.attachments import Attachments

        return Attachments(core)

    def _bare(self, record: Container, name: str) -> Attachment:
        network_id = predefined_id(self._engine_id, name)
        return Attachment(name, Endpoint(secrets.token_hex(32), network_id, record.id))

    def _tell(self, action: str, record: Container, attachment: Attachment) -> None:
        core = self.gate.core
        network = core.catalogue.by_id(attachment.endpoint.network_id) if core else None
        driver = network.driver if network else BARE.get(attachment.network, "bridge")
        attributes = {"container": record.id, "name": attachment.network, "type": driver}
        self._events.publish("network", action, attachment.endpoint.network_id, attributes)


def _owner(record: Container, path: str) -> Owner | None:
    if not record.user_map:
        return None
    from wherry.engine.networks.sandbox import Owner

    return Owner(record.user_map, path)
