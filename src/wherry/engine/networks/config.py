"""What a client asks for when it makes, joins or leaves a network: Docker's types as frozen values.

Source: Docker Engine API v1.51, `/networks/create`, `/networks/{id}/connect`, `.../disconnect`,
definitions `IPAM`, `IPAMConfig`. Field forms: see `wherry.engine.containers.config`.
"""

# ruff: noqa: RUF009 - every call below makes a dataclasses.field, anew for each class

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wherry.engine.containers.config import EndpointSettings, PortBinding
from wherry.spec.jsonfields import flag, json_field, pairs, text


@dataclass(frozen=True, slots=True)
class IPAMConfig:
    """One subnet that a client wants."""

    subnet: str = text("Subnet", omit=True)
    ip_range: str = text("IPRange", omit=True)
    gateway: str = text("Gateway", omit=True)
    aux: Mapping[str, str] | None = pairs("AuxiliaryAddresses", omit=True)


@dataclass(frozen=True, slots=True)
class IPAM:
    """How a network's addresses are to be managed."""

    driver: str = text("Driver")
    options: Mapping[str, str] | None = pairs("Options")
    config: tuple[IPAMConfig, ...] | None = json_field("Config", "[]network.IPAMConfig")


@dataclass(frozen=True, slots=True)
class ConfigReference:
    """The network whose configuration is used."""

    network: str = text("Network")


@dataclass(frozen=True, slots=True)
class NetworkRequest:
    """A new network. `enable_ipv4`/`enable_ipv6` None: the default."""

    name: str = text("Name")
    driver: str = text("Driver")
    scope: str = text("Scope")
    enable_ipv4: bool | None = json_field("EnableIPv4", "bool")
    enable_ipv6: bool | None = json_field("EnableIPv6", "bool")
    ipam: IPAM | None = json_field("IPAM", "network.IPAM")
    internal: bool = flag("Internal")
    attachable: bool = flag("Attachable")
    ingress: bool = flag("Ingress")
    config_only: bool = flag("ConfigOnly")
    config_from: ConfigReference | None = json_field("ConfigFrom", "network.ConfigReference")
    options: Mapping[str, str] | None = pairs("Options")
    labels: Mapping[str, str] | None = pairs("Labels")


@dataclass(frozen=True, slots=True)
class ConnectRequest:
    """A container that is to join a network."""

    container: str = text("Container")
    endpoint_config: EndpointSettings | None = json_field(
        "EndpointConfig", "network.EndpointSettings"
    )


@dataclass(frozen=True, slots=True)
class DisconnectRequest:
    """A container that is to leave a network; `force` also forgets what is not there."""

    container: str = text("Container")
    force: bool = flag("Force")


@dataclass(frozen=True, slots=True)
class PortsRequest:
    """Ports of a container that are to be published or taken back (Wherry's own request)."""

    port_bindings: Mapping[str, tuple[PortBinding, ...] | None] | None = json_field(
        "PortBindings", "map[nat.Port][]nat.PortBinding"
    )
