"""A network as Docker shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wherry.api.timestamps import rfc3339_nano
from wherry.api.version import Version

if TYPE_CHECKING:
    from wherry.engine.networks.facts import Member, NetworkFacts
    from wherry.engine.networks.values import Network, Subnet

_IPV4_SWITCH = (1, 48)


def rendered(facts: NetworkFacts, version: Version, *, members: bool) -> dict[str, Any]:
    """Return `Network` of Docker's API; `Containers` is empty unless `members`."""
    network = facts.network
    shown: dict[str, Any] = {
        "Name": network.name,
        "Id": network.id,
        "Created": rfc3339_nano(network.created),
        "Scope": network.scope,
        "Driver": network.driver,
        "EnableIPv4": network.enable_ipv4,
        "EnableIPv6": network.enable_ipv6,
        "IPAM": _ipam(network),
        "Internal": network.internal,
        "Attachable": network.attachable,
        "Ingress": network.ingress,
        "ConfigFrom": {"Network": network.config_from},
        "ConfigOnly": network.config_only,
        "Containers": {m.endpoint.container_id: _member(m) for m in facts.members if members},
        "Options": dict(network.options),
        "Labels": dict(network.labels),
    }
    if version < _IPV4_SWITCH:
        del shown["EnableIPv4"]
    return shown


def _ipam(network: Network) -> dict[str, Any]:
    options = dict(network.ipam_options) if network.ipam_options is not None else None
    rows = [_subnet(subnet) for subnet in network.subnets]
    return {"Driver": network.ipam_driver, "Options": options, "Config": rows}


def _subnet(subnet: Subnet) -> dict[str, Any]:
    """Return a subnet; the gateway that the engine chose in a subnet of the user's is not shown."""
    shown: dict[str, Any] = {"Subnet": subnet.cidr}
    if subnet.ip_range:
        shown["IPRange"] = subnet.ip_range
    if subnet.gateway and (subnet.gateway_given or not subnet.given):
        shown["Gateway"] = subnet.gateway
    if subnet.aux:
        shown["AuxiliaryAddresses"] = dict(subnet.aux)
    return shown


def _member(member: Member) -> dict[str, Any]:
    endpoint = member.endpoint
    return {
        "Name": member.name,
        "EndpointID": endpoint.id,
        "MacAddress": endpoint.mac,
        "IPv4Address": f"{endpoint.ipv4}/{endpoint.ipv4_prefix}" if endpoint.ipv4 else "",
        "IPv6Address": f"{endpoint.ipv6}/{endpoint.ipv6_prefix}" if endpoint.ipv6 else "",
    }
