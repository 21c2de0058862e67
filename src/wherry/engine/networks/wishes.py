"""What a container asks of its networks: which, in which order, and whether each can be had.

Docker's rules: aliases and addresses of one's choice need a network of the user's own, addresses
one whose subnet the user named.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from wherry.engine.containers.config import EndpointSettings, NetworkingConfig
from wherry.engine.networks.addresses import hardware_address
from wherry.errors import Invalid

if TYPE_CHECKING:
    from wherry.engine.containers.config import EndpointIPAMConfig
    from wherry.engine.containers.record import Container
    from wherry.engine.networks.values import Network

_DEFAULTS: Final = ("", "default", "bridge")
_MAIN_NAMES: Final[Mapping[str, str]] = dict.fromkeys(_DEFAULTS, "bridge")


def network_name(mode: str) -> str:
    """The network that a mode or a key of EndpointsConfig means: "bridge" for the default."""
    return _MAIN_NAMES.get(mode, mode)


def borrows(mode: str) -> bool:
    """Whether a mode means another container's network."""
    return mode.startswith("container:")


def settings_of(record: Container) -> dict[str, EndpointSettings]:
    """What the container wants of each of its networks by name, that of its mode first.

    Without any EndpointsConfig nothing in particular is wanted of the mode's network; with one, the
    container joins what is in there.
    """
    host, config = record.host_config, record.networking.endpoints_config
    if borrows(host.network_mode):
        return {}
    if record.config.network_disabled:
        return {"none": EndpointSettings()}
    main = network_name(host.network_mode)
    given = {network_name(name): wish or EndpointSettings() for name, wish in
             ({main: None} if config is None else config).items()}  # fmt: skip
    first = {main: given.pop(main)} if main in given else {}
    found = first | dict(sorted(given.items(), key=lambda row: (-row[1].gw_priority, row[0])))
    return {name: _with_own_address(name, wish, main, record) for name, wish in found.items()}


def _with_own_address(
    name: str, wish: EndpointSettings, main: str, record: Container
) -> EndpointSettings:
    """Older clients give the MAC address with the container, for its first network."""
    own = record.config.mac_address
    return replace(wish, mac_address=own) if name == main and own and not wish.mac_address else wish


def check(network: Network, wish: EndpointSettings) -> None:
    """That a network can grant what is wanted of it. Raises Invalid."""
    hardware_address(wish.mac_address)
    if network.predefined:
        check_predefined(wish)
    elif wish.ipam_config is not None:
        _check_addresses(network, wish.ipam_config)


def check_predefined(wish: EndpointSettings) -> None:
    """That bridge, host or none can grant what is wanted: no names, no chosen address."""
    addresses = wish.ipam_config
    if wish.aliases:
        raise Invalid(
            "network-scoped alias is supported only for containers in user defined networks",
            hint="make a network with network create, and join that",
        )
    if addresses is not None and (addresses.ipv4_address or addresses.ipv6_address):
        raise Invalid(
            "user specified IP address is supported on user defined networks only",
            hint="make a network with network create --subnet, and join that",
        )


def _check_addresses(network: Network, wanted: EndpointIPAMConfig) -> None:
    for version, text, subnets in (
        (4, wanted.ipv4_address, network.v4),
        (6, wanted.ipv6_address, network.v6),
    ):
        if not text:
            continue
        _check_address(version, text)
        if not any(subnet.given for subnet in subnets):
            raise Invalid(
                "user specified IP address is supported only when connecting to networks with "
                "user configured subnets",
                hint=f"network {network.name} has no IPv{version} subnet of yours; make one with "
                "network create --subnet",
            )
    for text in wanted.link_local_ips or ():
        try:
            ipaddress.ip_address(text)
        except ValueError:
            raise Invalid(f"invalid link-local IP address: {text}") from None


def _check_address(version: int, text: str) -> None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        found = None
    if found is None or found.version != version:
        raise Invalid(f"invalid IPv{version} address: {text}")


def renamed(
    networking: NetworkingConfig, mode: str, name_of: Callable[[str], str]
) -> NetworkingConfig:
    """The wishes of a new container under its networks' names; `name_of` leads there from ids."""
    if borrows(mode):
        return networking
    given = networking.endpoints_config or {mode: EndpointSettings()}
    return NetworkingConfig({name_of(network_name(key)): wish for key, wish in given.items()})
