"""Networks of containers that start and end: endpoints, ports and names, all or none of them."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from wherry.engine.containers.spec.resolvfile import Wishes, wishes_ndots
from wherry.engine.networks import endpoints, portspec, wishes
from wherry.engine.networks.dns.hostfile import PATH, read
from wherry.engine.networks.dns.names import Member
from wherry.engine.networks.dns.settings import Ports as DnsPorts
from wherry.engine.networks.dns.settings import ResolverSettings
from wherry.engine.networks.dns.sockets import Listening
from wherry.engine.networks.values import HOST_BINDING, Attachment, NetworkState
from wherry.errors import Denied

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.engine.containers.config import EndpointSettings
    from wherry.engine.containers.record import Container
    from wherry.engine.networks.core import Core
    from wherry.engine.networks.sandbox import Owner, Sandbox
    from wherry.engine.networks.settings import NetworkSettings
    from wherry.engine.networks.values import Endpoint, Network, Published


@dataclass(frozen=True, slots=True)
class Entered:
    """A container's networks, made: what goes into its record, and its sandbox.

    The sandbox is None where the runtime makes the namespace (none) or there is none (host). Close
    it once the container has started: from then on the container itself keeps the namespace.
    """

    state: NetworkState
    sandbox: Sandbox | None


class Attachments:
    """Joins starting containers to their networks, and lets go of those that ended."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def enter(self, record: Container, owner: Owner | None = None) -> Entered:
        """Make everything that the container's networks mean, or nothing.

        `owner` is the user namespace that its sandbox is to belong to, None for the host's.
        Raises NotFound for a network that is gone, Denied, Invalid, Unavailable, Internal as
        Docker does, OSError.
        """
        core = self._core
        joined = [(core.catalogue.find(n), wish) for n, wish in wishes.settings_of(record).items()]
        check_together([network for network, _ in joined])
        for network, wish in joined:
            wishes.check(network, wish)
        with core.entering([network for network, _ in joined]):
            return await self._enter(record, joined, owner)

    async def _enter(
        self,
        record: Container,
        joined: Sequence[tuple[Network, EndpointSettings]],
        owner: Owner | None,
    ) -> Entered:
        core = self._core
        async with contextlib.AsyncExitStack() as undo:
            made = self._endpoints(record, joined, undo)
            if not any(network.subnets for network, _ in made):
                undo.pop_all()
                return Entered(NetworkState(_attachments(made)), None)
            published = self._publish(record, made, undo)
            sandbox = await self._sandbox(record, [network for network, _ in made], owner)
            undo.callback(sandbox.close)
            # Before the first packet can leave.
            core.egress.confine(record, made)
            undo.callback(core.egress.release, record.id)
            made = await self._join(sandbox, made)
            dns = self._serve_names(record, sandbox, made, undo)
            # Last, so that nobody is led to a container that does not come.
            if published and core.firewall.translates_inside:
                await asyncio.to_thread(core.firewall.translate_inside, sandbox, published)
            core.firewall.publish(published)
            undo.pop_all()
            return Entered(NetworkState(_attachments(made), published, dns), sandbox)

    def leave(self, record: Container) -> None:
        """Let go of what a container that ended, or never came, had. Never fails, never waits.

        Its links go with its namespace.
        """
        core, state = self._core, record.network
        core.dns.detach(record.id)
        core.dns.names.forget_container(record.id)
        core.egress.release(record.id)
        core.firewall.unpublish(state.published)
        core.ports.release(state.published)
        for attachment in state.attachments:
            give_back(core, attachment.endpoint)

    def _endpoints(
        self,
        record: Container,
        joined: Sequence[tuple[Network, EndpointSettings]],
        undo: contextlib.AsyncExitStack,
    ) -> list[tuple[Network, Endpoint]]:
        made: list[tuple[Network, Endpoint]] = []
        for network, wish in joined:
            name = endpoints.unused_interface(endpoint for _, endpoint in made)
            endpoint = endpoints.make(self._core.ipam, network, record, wish, name)
            undo.callback(give_back, self._core, endpoint)
            made.append((network, endpoint))
        told = endpoints.with_defaults(made)
        return [(network, endpoint) for (network, _), endpoint in zip(made, told, strict=True)]

    def _publish(
        self,
        record: Container,
        made: Sequence[tuple[Network, Endpoint]],
        undo: contextlib.AsyncExitStack,
    ) -> tuple[Published, ...]:
        """Choose the ports; they lead to the endpoint with the default route, as in Docker."""
        published = publish(self._core, record, made)
        undo.callback(self._core.ports.release, published)
        return published

    async def _sandbox(
        self, record: Container, networks: Sequence[Network], owner: Owner | None
    ) -> Sandbox:
        named = any(network.has_dns for network in networks)
        named = named or self._core.egress.concerns(record, networks)
        core = self._core
        if owner is not None:
            return await (core.named_owned if named else core.plain_owned).take_for(owner)
        return await (core.named if named else core.plain).take()

    async def _join(
        self, sandbox: Sandbox, made: Sequence[tuple[Network, Endpoint]]
    ) -> list[tuple[Network, Endpoint]]:
        async with self._core.lock:
            return [(network, join(self._core, sandbox, network, end)) for network, end in made]

    def _serve_names(
        self,
        record: Container,
        sandbox: Sandbox,
        made: Sequence[tuple[Network, Endpoint]],
        undo: contextlib.AsyncExitStack,
    ) -> tuple[int, int]:
        prepared = sandbox.take_prepared()
        if not isinstance(prepared, Listening):
            return (0, 0)
        undo.callback(self._core.dns.detach, record.id)
        undo.callback(self._core.dns.names.forget_container, record.id)
        tell_names(self._core, made)
        ports = self._core.dns.attach(
            record.id, prepared, resolver_settings(record, made, self._core.settings)
        )
        self._core.egress.confine_names(record.id)
        return (ports.udp, ports.tcp)


def check_together(networks: Sequence[Network]) -> None:
    """That a container can be in all of these at once. Raises Denied."""
    if len(networks) < 2:
        return
    for network in networks:
        if network.driver in ("host", "null"):
            raise Denied(
                f"container cannot be connected to network {network.name} together with others",
                hint=f"disconnect it from the others, or leave {network.name} away",
            )
        if network.config_only:
            raise Denied(f"cannot join config-only network {network.name}")


def join(core: Core, sandbox: Sandbox, network: Network, endpoint: Endpoint) -> Endpoint:
    """The endpoint with what the driver made of it."""
    if not network.subnets:
        return endpoint
    made = core.driver(network).join(sandbox, network, endpoint)
    return replace(endpoint, interface=made.interface, host_link=made.host_link, mac=made.mac)


def give_back(core: Core, endpoint: Endpoint) -> None:
    """The endpoint's addresses are free again."""
    core.ipam.give_back(endpoint.network_id, (endpoint.ipv4, endpoint.ipv6))


def target_of(made: Sequence[tuple[Network, Endpoint]]) -> tuple[Network, Endpoint] | None:
    """The endpoint that published ports lead through: that of the default route, on a bridge."""
    target = next((row for row in made if row[1].default_v4 or row[1].default_v6), None)
    return target if target is not None and target[0].driver == "bridge" else None


def publish(
    core: Core,
    record: Container,
    made: Sequence[tuple[Network, Endpoint]],
    keep: Sequence[Published] = (),
) -> tuple[Published, ...]:
    """Choose and hold the ports that a container wants published; none without a way out.

    `keep` are ports that it had, and keeps where the choice is ours.
    """
    target = target_of(made)
    if target is None:
        return ()
    network, endpoint = target
    wanted = portspec.wanted(record.config, record.host_config)
    wanted = portspec.as_before(wanted, keep)
    return core.ports.publish(wanted, endpoint, binding_address(network))


def binding_address(network: Network) -> str:
    """Where a network's ports are published unless they say; "" for the daemon's default.

    The default bridge's option only shows that default.
    """
    return "" if network.predefined else network.options.get(HOST_BINDING, "")


def tell_names(core: Core, made: Sequence[tuple[Network, Endpoint]]) -> None:
    """Make a container's names known on its networks."""
    for network, endpoint in made:
        if network.has_dns:
            core.dns.names.join(Member.of(endpoint))


def resolver_settings(
    record: Container, made: Sequence[tuple[Network, Endpoint]], defaults: NetworkSettings
) -> ResolverSettings:
    """What the container's DNS server is told: whom to ask, and whether there is a way out."""
    daemons = Wishes(defaults.dns, defaults.dns_search, defaults.dns_opts)
    wanted = Wishes.of(record.host_config, daemons)
    return ResolverSettings(
        servers=wanted.dns,
        forward=any(not network.internal for network, _ in made),
        ndots=wishes_ndots(read(PATH), wanted),
        ipv6=any(endpoint.ipv6 for _, endpoint in made),
    )


async def restore_names(
    core: Core, record: Container, made: Sequence[tuple[Network, Endpoint]], sandbox: Sandbox
) -> None:
    """Answer again for a container that ran on without us. Raises OSError."""
    tell_names(core, made)
    udp, tcp = record.network.dns
    if udp:
        settings = resolver_settings(record, made, core.settings)
        await core.dns.restore(record.id, sandbox.namespace, DnsPorts(udp, tcp), settings)
        core.egress.confine_names(record.id)


def _attachments(made: Sequence[tuple[Network, Endpoint]]) -> tuple[Attachment, ...]:
    return tuple(Attachment(network.name, endpoint) for network, endpoint in made)
