"""Connecting and disconnecting a container that exists, running or not.

A running container gets or loses a link at once, and with it names, default route and published
ports move where they belong. One that does not run only has its wishes changed.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from wherry.engine.containers.config import EndpointSettings, NetworkingConfig
from wherry.engine.containers.spec import files
from wherry.engine.containers.spec.resolvfile import Wishes
from wherry.engine.networks import attachments as joining
from wherry.engine.networks import endpoints, wishes
from wherry.engine.networks.dns.sockets import prepare_inside
from wherry.engine.networks.sandbox import Sandbox
from wherry.engine.networks.values import Attachment, NetworkState
from wherry.errors import Denied, Internal, Invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.engine.containers.live import Live
    from wherry.engine.containers.record import Container
    from wherry.engine.containers.roster import Roster
    from wherry.engine.networks.core import Core
    from wherry.engine.networks.values import Endpoint, Network, Published

_SHARED: Final = (
    "container sharing network namespace with another container or host cannot be connected to "
    "any other network"
)
_HOST: Final = "container cannot be disconnected from host network or connected to host network"
_NONE: Final = (
    "container cannot be connected to multiple networks with one of the networks in private "
    "(none) mode"
)

Made = tuple["Network", "Endpoint"]


class Connections:
    """Changes the networks of one container at a time; call everything under its lock."""

    def __init__(self, core: Core, roster: Roster) -> None:
        self._core = core
        self._roster = roster
        settings = core.settings
        self._defaults = Wishes(settings.dns, settings.dns_search, settings.dns_opts)

    async def connect(self, live: Live, network: Network, wish: EndpointSettings) -> bool:
        """Whether it runs, and so is in the network now. Raises Denied, Invalid, as Docker."""
        record = live.record
        _check_mode(record, network)
        wishes.check(network, wish)
        with self._core.entering([network]):
            return await self._connect(live, network, wish)

    async def _connect(self, live: Live, network: Network, wish: EndpointSettings) -> bool:
        record, running = live.record, live.running is not None
        if running:
            if record.network.on(network.id) is not None:
                raise Denied(
                    f"endpoint with name {record.name} already exists in network {network.name}",
                    hint="disconnect it first to connect it with other settings",
                )
            await self._join(live, network, wish)
        self._keep(live, {**_wishes(record), network.name: wish})
        return running

    async def disconnect(self, live: Live, network: Network) -> Attachment | None:
        """The attachment that is gone, None where it does not run. Raises Internal, Invalid."""
        record = live.record
        if network.driver == "host":
            _refuse_host(record, network)
        attachment = record.network.on(network.id)
        known = _wishes(record)
        if attachment is None and (live.running is not None or network.name not in known):
            raise not_connected(record.id, network.name)
        if attachment is not None and live.running is not None:
            await self._leave(live, network, attachment)
        known.pop(network.name, None)
        self._keep(live, known)
        return attachment

    # -- a running container --------------------------------------------------------------------

    async def _join(self, live: Live, network: Network, wish: EndpointSettings) -> None:
        record, core = live.record, self._core
        before = self._made(record)
        async with contextlib.AsyncExitStack() as undo:
            interface = endpoints.unused_interface(endpoint for _, endpoint in before)
            endpoint = endpoints.make(core.ipam, network, record, wish, interface)
            undo.callback(joining.give_back, core, endpoint)
            after = _told([*before, (network, endpoint)])
            sandbox = undo.enter_context(await self._open(live))
            core.egress.confine(record, after)
            undo.callback(core.egress.confine, record, before)
            async with core.lock:
                joined = await asyncio.to_thread(joining.join, core, sandbox, network, after[-1][1])
                after[-1] = (network, joined)
                undo.push_async_callback(self._withdraw, sandbox, network, joined)
                await asyncio.to_thread(self._reroute, sandbox, before, after)
            dns = await self._names(live, sandbox, after)
            published = await self._republish(record, sandbox, after)
            undo.pop_all()
        sandbox.close()
        before_text = files.resolv_conf(record, self._defaults)
        self._note(live, after, published, dns)
        files.connected(record, record.config.hostname, network.id)
        files.change_resolv_conf(record, before_text, self._defaults)

    async def _leave(self, live: Live, network: Network, attachment: Attachment) -> None:
        record, core = live.record, self._core
        before = self._made(record)
        after = _told([row for row in before if row[0].id != network.id])
        with await self._open(live) as sandbox:
            await self._withdraw(sandbox, network, attachment.endpoint)
            async with core.lock:
                await asyncio.to_thread(self._reroute, sandbox, before, after)
            core.dns.names.leave(attachment.endpoint.id)
            core.dns.configure(record.id, joining.resolver_settings(record, after, core.settings))
            core.egress.confine(record, after)
            core.egress.confine_names(record.id)
            joining.give_back(core, attachment.endpoint)
            lines = files.own_lines(record, record.config.hostname, network.id)
            published = await self._republish(record, sandbox, after)
        self._note(live, after, published, record.network.dns)
        files.disconnected(record, lines)

    async def _open(self, live: Live) -> Sandbox:
        return await asyncio.to_thread(Sandbox.open, f"/proc/{live.record.state.pid}/ns/net")

    async def _withdraw(self, sandbox: Sandbox, network: Network, endpoint: Endpoint) -> None:
        if network.subnets:
            async with self._core.lock:
                driver = self._core.driver(network)
                await asyncio.to_thread(driver.leave, sandbox, network, endpoint)

    def _reroute(self, sandbox: Sandbox, before: Sequence[Made], after: Sequence[Made]) -> None:
        """First those that lose a default route, then the one that gains it."""
        were = {endpoint.id: endpoint for _, endpoint in before}
        changed = [
            (network, endpoint)
            for network, endpoint in after
            if endpoint.id in were and _defaults(were[endpoint.id]) != _defaults(endpoint)
        ]
        for network, endpoint in sorted(changed, key=lambda row: _defaults(row[1])):
            self._core.driver(network).reroute(sandbox, network, endpoint)

    async def _names(self, live: Live, sandbox: Sandbox, after: Sequence[Made]) -> tuple[int, int]:
        """Serve names from the first network on that has any."""
        core, record = self._core, live.record
        joining.tell_names(core, after)
        settings = joining.resolver_settings(record, after, core.settings)
        if any(record.network.dns):
            core.dns.configure(record.id, settings)
            core.egress.confine_names(record.id)
            return record.network.dns
        networks = [network for network, _ in after]
        confined = core.egress.concerns(record, networks)
        if not (confined or any(network.has_dns for network in networks)):
            return (0, 0)
        listening = await asyncio.to_thread(sandbox.run, prepare_inside)
        ports = core.dns.attach(record.id, listening, settings)
        core.egress.confine_names(record.id)
        return (ports.udp, ports.tcp)

    async def _republish(
        self, record: Container, sandbox: Sandbox, after: Sequence[Made]
    ) -> tuple[Published, ...]:
        """The ports lead through the endpoint that holds the default route now."""
        core, before = self._core, record.network.published
        target = joining.target_of(after)
        if before and target is not None and before[0].endpoint_id == target[1].id:
            return before
        core.firewall.unpublish(before)
        core.ports.release(before)
        published = joining.publish(core, record, after, keep=before)
        try:
            if published and core.firewall.translates_inside:
                await asyncio.to_thread(core.firewall.translate_inside, sandbox, published)
            core.firewall.publish(published)
        except BaseException:
            core.ports.release(published)
            raise
        return published

    def _made(self, record: Container) -> list[Made]:
        return [
            (network, attachment.endpoint)
            for attachment in record.network.attachments
            if (network := self._core.catalogue.by_id(attachment.endpoint.network_id)) is not None
        ]

    def _note(
        self,
        live: Live,
        after: Sequence[Made],
        published: tuple[Published, ...],
        dns: tuple[int, int],
    ) -> None:
        attachments = tuple(Attachment(network.name, endpoint) for network, endpoint in after)
        live.record.network = NetworkState(attachments, published, dns)
        self._roster.move(live, live.record.state)

    def _keep(self, live: Live, settings: dict[str, EndpointSettings]) -> None:
        live.record.networking = NetworkingConfig(dict(settings))
        self._roster.save(live)


def not_connected(container: str, network: str) -> Internal:
    """Docker's error (500) for a disconnection of what is not connected."""
    return Internal(
        f"container {container} is not connected to network {network}",
        hint="see its NetworkSettings in inspect",
    )


def _told(made: Sequence[Made]) -> list[Made]:
    told = endpoints.with_defaults(made)
    return [(network, endpoint) for (network, _), endpoint in zip(made, told, strict=True)]


def _defaults(endpoint: Endpoint) -> tuple[bool, bool]:
    return (endpoint.default_v4, endpoint.default_v6)


def _wishes(record: Container) -> dict[str, EndpointSettings]:
    given = record.networking.endpoints_config
    if given is None:
        return dict(wishes.settings_of(record))
    return {wishes.network_name(name): wish or EndpointSettings() for name, wish in given.items()}


def _check_mode(record: Container, network: Network) -> None:
    mode = record.host_config.network_mode
    if wishes.borrows(mode) or (mode == "host" and network.driver != "host"):
        raise Invalid(_SHARED)
    _refuse_host(record, network)
    others = _wishes(record).keys() - {network.name}
    if others and (network.driver == "null" or "none" in others):
        raise Invalid(_NONE, hint="disconnect it from the other network first")
    if network.config_only:
        raise Denied(f"cannot join config-only network {network.name}")


def _refuse_host(record: Container, network: Network) -> None:
    if record.host_config.network_mode == "host" or network.driver == "host":
        raise Invalid(_HOST, hint="make the container anew to change that")


def wanted_at(settings: EndpointSettings | None) -> EndpointSettings:
    """What a client wants, without what it echoes of an earlier connection."""
    given = settings or EndpointSettings()
    return replace(
        given, network_id="", endpoint_id="", gateway="", ip_address="", ip_prefix_len=0,
        ipv6_gateway="", global_ipv6_address="", global_ipv6_prefix_len=0, dns_names=None,
    )  # fmt: skip
