"""A container's networks and ports as inspect and list show them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wherry.engine.containers.config import EndpointSettings
from wherry.engine.networks import wishes
from wherry.spec.jsonencode import encode

if TYPE_CHECKING:
    from wherry.engine.containers.record import Container
    from wherry.engine.networks.values import Endpoint, NetworkState, Published


def endpoints(container: Container) -> dict[str, Any]:
    """Return the networks by name; a container that borrows a network (container:ID) has none."""
    settings = wishes.settings_of(container)
    there = {row.network: row.endpoint for row in container.network.attachments}
    return {
        name: encode(_filled(wish, there[name]) if name in there else wish)
        for name, wish in settings.items()
    }


def _filled(wish: EndpointSettings, endpoint: Endpoint) -> EndpointSettings:
    """Return what was asked for, together with what came of it."""
    return replace(
        wish,
        mac_address=endpoint.mac,
        network_id=endpoint.network_id,
        endpoint_id=endpoint.id,
        gateway=endpoint.gateway4,
        ip_address=endpoint.ipv4,
        ip_prefix_len=endpoint.ipv4_prefix,
        ipv6_gateway=endpoint.gateway6,
        global_ipv6_address=endpoint.ipv6,
        global_ipv6_prefix_len=endpoint.ipv6_prefix,
        dns_names=endpoint.dns_names or None,
    )


def network_settings(container: Container) -> dict[str, Any]:
    """Return `NetworkSettings` of inspect; the flat fields are those of the default bridge."""
    state = container.network
    flat = encode(_default_bridge(state))
    inside = bool(container.state.pid) and not wishes.borrows(container.host_config.network_mode)
    return {
        "Bridge": "",
        "SandboxID": _sandbox_id(container) if inside else "",
        "SandboxKey": f"/proc/{container.state.pid}/ns/net" if inside else "",
        "Ports": ports(container),
        "HairpinMode": False,
        "LinkLocalIPv6Address": "",
        "LinkLocalIPv6PrefixLen": 0,
        "SecondaryIPAddresses": None,
        "SecondaryIPv6Addresses": None,
        **{name: flat[name] for name in _FLAT},
        "Networks": endpoints(container),
    }


_FLAT = (
    "EndpointID", "Gateway", "GlobalIPv6Address", "GlobalIPv6PrefixLen", "IPAddress",
    "IPPrefixLen", "IPv6Gateway", "MacAddress",
)  # fmt: skip


def _default_bridge(state: NetworkState) -> EndpointSettings:
    for row in state.attachments:
        if row.network == "bridge":
            return _filled(EndpointSettings(), row.endpoint)
    return EndpointSettings()


def _sandbox_id(container: Container) -> str:
    """Return an id that changes with every start, as a libnetwork sandbox's does."""
    start = f"{container.id} {container.state.started_at}"
    return hashlib.sha256(start.encode()).hexdigest()


def ports(container: Container) -> dict[str, Any]:
    """Return the ports of a running container: exposed ones, and where they are published."""
    if not container.state.running or not container.network.attachments:
        return {}
    shown: dict[str, Any] = dict.fromkeys(container.config.exposed_ports or ())
    return shown | bindings_of(container.network)


def bindings_of(state: NetworkState) -> dict[str, Any]:
    """Return where each published port of a container is reached."""
    shown: dict[str, Any] = {}
    for row in _in_order(state.published):
        binding = {"HostIp": row.host_ip, "HostPort": str(row.host_port)}
        shown.setdefault(f"{row.container_port}/{row.proto}", []).append(binding)
    return shown


def port_summaries(container: Container) -> list[dict[str, Any]]:
    """Return the ports as a list shows them, one entry for each address."""
    if not container.state.running or not container.network.attachments:
        return []
    bound = {(row.container_port, row.proto) for row in container.network.published}
    exposed = [text.partition("/") for text in container.config.exposed_ports or ()]
    shown: list[dict[str, Any]] = [
        {
            "IP": row.host_ip,
            "PrivatePort": row.container_port,
            "PublicPort": row.host_port,
            "Type": row.proto,
        }
        for row in _in_order(container.network.published)
    ]
    shown += [
        {"PrivatePort": int(port), "Type": proto or "tcp"}
        for port, _, proto in exposed
        if (int(port), proto or "tcp") not in bound
    ]
    return shown


def _in_order(published: Iterable[Published]) -> list[Published]:
    return sorted(published, key=lambda row: (row.container_port, row.proto))
