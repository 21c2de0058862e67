"""What the daemon's configuration says about networks, in dockerd's words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class AddressPool:
    """`base` in CIDR form is cut into subnets with prefixes of `size` bits."""

    base: str
    size: int


DEFAULT_POOLS: Final = (
    AddressPool("172.18.0.0/15", 24),
    AddressPool("172.20.0.0/14", 24),
    AddressPool("172.24.0.0/13", 24),
    AddressPool("192.168.0.0/16", 24),
)
"""Docker's ranges in smaller pieces: 253 addresses for each of 3,800 networks
(docs/decisions/160-small-subnets.md)."""
BRIDGE_POOLS: Final = (AddressPool("172.17.0.0/16", 20),)
"""Where the default bridge looks first, with the default pools: it is the one network that people
put many containers on, and a bridge has room for 1,023."""


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """Settings of all networks, and of the network "bridge" where they are about one network.

    `bridge` is the name of a bridge to use, "none" for no default network. `bip` is address and
    prefix of the default bridge, `fixed_cidr` the part of its subnet to hand out; `default_gateway`
    another way out than the bridge itself. `mtu` 0 means the host's. `ip` is the address that ports
    are published on where none is named.
    """

    default_address_pools: tuple[AddressPool, ...] = DEFAULT_POOLS
    bridge: str = ""
    bip: str = ""
    bip6: str = ""
    fixed_cidr: str = ""
    fixed_cidr_v6: str = ""
    default_gateway: str = ""
    default_gateway_v6: str = ""
    ipv6: bool = False
    mtu: int = 0
    ip: str = ""
    icc: bool = True
    ip_masq: bool = True
    dns: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    dns_opts: tuple[str, ...] = ()
    host_gateway_ips: tuple[str, ...] = ()
    publish_obeys_input: bool = False
