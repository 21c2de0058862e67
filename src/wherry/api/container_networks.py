"""A container's networks as inspect and list show them."""

from __future__ import annotations

from typing import Any

from wherry.engine.containers.config import EndpointSettings
from wherry.engine.containers.record import Container
from wherry.spec.jsonencode import encode


def endpoints(container: Container) -> dict[str, Any]:
    """Return the networks by name; a container without its own shares none (container:ID)."""
    given = container.networking.endpoints_config
    if given:
        return {
            _network_name(name): encode(end or EndpointSettings()) for name, end in given.items()
        }
    mode = container.host_config.network_mode
    if mode.startswith("container:"):
        return {}
    return {_network_name(mode): encode(EndpointSettings())}


def network_settings(container: Container) -> dict[str, Any]:
    """Return `NetworkSettings` of inspect; the flat fields are those of the default bridge."""
    return {
        "Bridge": "",
        "SandboxID": "",
        "SandboxKey": "",
        "Ports": {},
        "HairpinMode": False,
        "LinkLocalIPv6Address": "",
        "LinkLocalIPv6PrefixLen": 0,
        "SecondaryIPAddresses": None,
        "SecondaryIPv6Addresses": None,
        "EndpointID": "",
        "Gateway": "",
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "IPAddress": "",
        "IPPrefixLen": 0,
        "IPv6Gateway": "",
        "MacAddress": "",
        "Networks": endpoints(container),
    }


def _network_name(mode: str) -> str:
    return "bridge" if mode in ("", "default") else mode
