"""Building the core: networks from the database, the three that are always there, and the host."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from wherry.engine.networks.attachments import restore_names
from wherry.engine.networks.catalogue import Catalogue
from wherry.engine.networks.core import Core
from wherry.engine.networks.define import Definitions
from wherry.engine.networks.dns.names import NameTable
from wherry.engine.networks.dns.service import Dns
from wherry.engine.networks.dns.sockets import prepare_inside
from wherry.engine.networks.drivers import Drivers
from wherry.engine.networks.egress_service import Egress
from wherry.engine.networks.firewall.firewall import log_group, suffix_of
from wherry.engine.networks.firewall.watch import Watch
from wherry.engine.networks.ipam import Ipam
from wherry.engine.networks.ownedpool import OwnedPool, Upcoming
from wherry.engine.networks.pool import SandboxPool
from wherry.engine.networks.pools import SubnetChooser
from wherry.engine.networks.ports import Ports
from wherry.engine.networks.predefined import DefaultBridge, host_network, no_network
from wherry.engine.networks.sandbox import Sandbox
from wherry.engine.networks.store import NetworkTable
from wherry.engine.networks.values import NO_BRIDGE, predefined_id
from wherry.errors import Unavailable
from wherry.kernel.netlink import route
from wherry.kernel.netlink.socket import NETLINK_ROUTE, NetlinkSocket

if TYPE_CHECKING:
    from wherry.engine.containers.record import Container
    from wherry.engine.networks.egress_service import Tell
    from wherry.engine.networks.firewall.table import Row
    from wherry.engine.networks.settings import NetworkSettings
    from wherry.engine.networks.values import Endpoint, Network, Published
    from wherry.storage.database import Database

_log = logging.getLogger(__name__)


async def open_core(
    settings: NetworkSettings,
    database: Database,
    running: Sequence[Container],
    engine_id: str,
    place: str,
    name_of: Callable[[str], str],
    tell_denied: Tell,
    upcoming: Upcoming,
) -> Core:
    """Build it, and bring the host to what the records say. Raises what `Gate.open` does."""
    suffix = suffix_of(place, "")
    catalogue = Catalogue(NetworkTable(database))
    chooser = SubnetChooser(settings.default_address_pools, engine_id)
    dns, obeys_input = Dns(NameTable()), settings.publish_obeys_input
    drivers = await asyncio.to_thread(Drivers.open, suffix, obeys_input=obeys_input)
    lock = asyncio.Lock()
    core = Core(
        settings=settings,
        catalogue=catalogue,
        definitions=Definitions(catalogue, chooser, live_routes),
        ipam=Ipam(),
        ports=Ports(settings.ip, name_of),
        drivers=drivers,
        dns=dns,
        egress=Egress(drivers.firewall.table, log_group(suffix), dns, tell_denied),
        plain=SandboxPool(),
        named=SandboxPool(prepare_inside),
        plain_owned=OwnedPool(upcoming),
        named_owned=OwnedPool(upcoming, prepare_inside),
        watch=Watch(drivers.firewall, lock),
        lock=lock,
    )
    try:
        _add_predefined(core, chooser, engine_id, alone=not suffix)
        for network in catalogue:
            core.register(network)
        await restore(core, running)
    except BaseException:
        await core.close(remove=False)
        raise
    return core


def _add_predefined(core: Core, chooser: SubnetChooser, engine_id: str, *, alone: bool) -> None:
    """The networks bridge, host and none, the first as the configuration has it now."""
    catalogue = core.catalogue
    for name, make in (("none", no_network), ("host", host_network)):
        if catalogue.named(name) is None:
            catalogue.add(make(predefined_id(engine_id, name)))
    known = catalogue.named("bridge")
    if core.settings.bridge == NO_BRIDGE:
        if known is not None:
            core.driver(known).remove(known)
            catalogue.remove(known)
        return

    def taken() -> list[str]:
        return [*catalogue.subnets(), *live_routes()]

    maker = DefaultBridge(core.settings, chooser, taken, alone=alone)
    bridge = maker.define(known, predefined_id(engine_id, "bridge"))
    if bridge == known:
        return
    if known is not None and (known.bridge, known.subnets) != (bridge.bridge, bridge.subnets):
        # The settings have changed: the link is made anew, and what runs is plugged in again.
        core.driver(known).remove(known)
    catalogue.add(bridge)


def live_routes() -> list[str]:
    """The CIDRs that the host has routes for, in every table but the kernel's own."""
    with NetlinkSocket(NETLINK_ROUTE) as socket:
        routes = route.dump(socket, local=False)
    return [each.cidr for each in routes if not each.is_default]


async def restore(core: Core, running: Iterable[Container]) -> None:
    """Take over what runs: its addresses, ports, links and names; what is stale goes."""
    records = [record for record in running if record.network.attachments]
    endpoints = [a.endpoint for record in records for a in record.network.attachments]
    published = [row for record in records for row in record.network.published]
    for endpoint in endpoints:
        core.ipam.hold(endpoint.network_id, (endpoint.ipv4, endpoint.ipv6))
    core.ports.hold(published)
    guards = core.egress.restore((record, _made(core, record)) for record in records)
    async with core.lock:
        await asyncio.to_thread(_restore_host, core, endpoints, published, guards)
    for record in records:
        await asyncio.to_thread(_translate_inside, core, record)
        try:
            await _restore_names(core, record)
        except OSError as error:
            _log.warning("names are not served to container %s: %s", record.name, error)


def _restore_host(
    core: Core, endpoints: list[Endpoint], published: list[Published], guards: list[Row]
) -> None:
    networks = [network for network in core.catalogue if not network.config_only]
    core.firewall.restore(networks, published, guards)
    by_driver: dict[str, list[Network]] = {}
    for network in networks:
        by_driver.setdefault(network.driver, []).append(network)
    for name, driver in core.drivers.by_name.items():
        own = by_driver.get(name, [])
        ids = {network.id for network in own}
        driver.restore(own, [end for end in endpoints if end.network_id in ids])


def _translate_inside(core: Core, record: Container) -> None:
    """Its ports may have been published in the other way: the host has a firewall since then."""
    if not (core.firewall.translates_inside and record.network.published):
        return
    try:
        with Sandbox.open(f"/proc/{record.state.pid}/ns/net") as sandbox:
            core.firewall.translate_inside(sandbox, record.network.published)
    except (OSError, Unavailable) as error:
        _log.warning("ports of container %s are not published: %s", record.name, error)


def _made(core: Core, record: Container) -> list[tuple[Network, Endpoint]]:
    return [
        (network, attachment.endpoint)
        for attachment in record.network.attachments
        if (network := core.catalogue.by_id(attachment.endpoint.network_id)) is not None
    ]


async def _restore_names(core: Core, record: Container) -> None:
    made = _made(core, record)
    if not any(record.network.dns):
        return
    sandbox = await asyncio.to_thread(Sandbox.open, f"/proc/{record.state.pid}/ns/net")
    with sandbox:
        await restore_names(core, record, made, sandbox)
