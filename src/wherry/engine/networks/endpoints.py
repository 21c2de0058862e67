"""Making endpoints: addresses, names and the default route of a container's places in networks."""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from wherry.engine.networks.addresses import hardware_address, hardware_address_of
from wherry.engine.networks.define import router_of
from wherry.engine.networks.values import IFNAME, Endpoint
from wherry.errors import Invalid

if TYPE_CHECKING:
    from wherry.engine.containers.config import EndpointIPAMConfig, EndpointSettings
    from wherry.engine.containers.record import Container
    from wherry.engine.networks.ipam import Ipam
    from wherry.engine.networks.values import Network, Subnet


def make(
    ipam: Ipam, network: Network, record: Container, wish: EndpointSettings, interface: str
) -> Endpoint:
    """An endpoint with addresses of its own; `ipam.give_back` frees them.

    Raises Denied for an address in use, Invalid for one outside, Unavailable when none is left.
    """
    bare = Endpoint(
        id=secrets.token_hex(32),
        network_id=network.id,
        container_id=record.id,
        interface=_interface(wish, interface) if network.subnets else "",
        aliases=wish.aliases or (),
        dns_names=dns_names(record, wish.aliases or ()) if network.has_dns else (),
        links=wish.links or (),
        driver_opts=wish.driver_opts or {},
        gw_priority=wish.gw_priority,
    )
    if not network.subnets:
        return bare
    addressed = _with_addresses(ipam, network, bare, wish.ipam_config)
    mac = hardware_address(wish.mac_address) or hardware_address_of(
        addressed.ipv4 or addressed.ipv6
    )
    return replace(addressed, mac=mac)


def _with_addresses(
    ipam: Ipam, network: Network, endpoint: Endpoint, wanted: EndpointIPAMConfig | None
) -> Endpoint:
    ipv4 = ipv6 = ""
    if network.v4 and network.enable_ipv4:
        ipv4 = ipam.take(network, 4, wanted.ipv4_address if wanted else "")
    try:
        if network.v6 and network.enable_ipv6:
            ipv6 = ipam.take(network, 6, wanted.ipv6_address if wanted else "")
    except BaseException:
        ipam.give_back(network.id, [ipv4])
        raise
    subnet4, subnet6 = _subnet_of(network.v4, ipv4), _subnet_of(network.v6, ipv6)
    return replace(
        endpoint,
        ipv4=ipv4,
        ipv4_prefix=subnet4.prefix_length if subnet4 else 0,
        ipv6=ipv6,
        ipv6_prefix=subnet6.prefix_length if subnet6 else 0,
        gateway4=router_of(subnet4) if subnet4 and not network.internal else "",
        gateway6=router_of(subnet6) if subnet6 and not network.internal else "",
        link_local=(wanted.link_local_ips or ()) if wanted else (),
    )


def _subnet_of(subnets: Sequence[Subnet], address: str) -> Subnet | None:
    """The subnet that an address was taken from."""
    if not address:
        return None
    if len(subnets) == 1:
        return subnets[0]
    found = ipaddress.ip_address(address)
    return next(row for row in subnets if found in ipaddress.ip_network(row.cidr))


def _interface(wish: EndpointSettings, default: str) -> str:
    name = (wish.driver_opts or {}).get(IFNAME, "") or default
    if len(name) > 15 or "/" in name or name in (".", "..", "lo"):
        raise Invalid(f"invalid interface name {name!r}", hint="at most 15 bytes, and not lo")
    return name


def dns_names(record: Container, aliases: Iterable[str]) -> tuple[str, ...]:
    """What the container is called on a network, in Docker's order."""
    names = (record.name, *aliases, record.short_id, record.config.hostname)
    return tuple(dict.fromkeys(name for name in names if name))


def with_defaults(endpoints: Sequence[tuple[Network, Endpoint]]) -> list[Endpoint]:
    """The endpoints, told which of them holds the default route of each IP version.

    The highest priority holds it; among equals the network whose name sorts first, as in Docker.
    """
    order = sorted(endpoints, key=lambda row: (-row[1].gw_priority, row[0].name))
    first4 = next((e.id for _, e in order if e.gateway4), "")
    first6 = next((e.id for _, e in order if e.gateway6), "")
    return [
        replace(endpoint, default_v4=endpoint.id == first4, default_v6=endpoint.id == first6)
        for _, endpoint in endpoints
    ]


def unused_interface(endpoints: Iterable[Endpoint]) -> str:
    """The first of eth0, eth1... that no endpoint has."""
    used = {endpoint.interface for endpoint in endpoints}
    return next(name for name in (f"eth{n}" for n in range(len(used) + 1)) if name not in used)
