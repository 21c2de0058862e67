"""Choosing a subnet for a network that names none: free of other networks and of live routes."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable, Sequence
from typing import Final

from wherry.engine.networks.addresses import Block
from wherry.engine.networks.intervals import Interval, first_free, merged
from wherry.engine.networks.settings import AddressPool
from wherry.errors import Invalid, NotFound

ULA_SUBNET: Final = 64
_EXHAUSTED: Final = (
    "could not find an available, non-overlapping IPv{} address pool among the defaults to assign "
    "to the network"
)
_BITS: Final = {4: 32, 6: 128}


class SubnetChooser:
    """Chooses subnets from the pools of the configuration, and for IPv6 from this engine's ULA."""

    def __init__(self, pools: Sequence[AddressPool], engine_id: str) -> None:
        self._pools = (*pools, AddressPool(unique_local_prefix(engine_id), ULA_SUBNET))

    def choose(self, version: int, taken: Iterable[str], first: Sequence[AddressPool] = ()) -> str:
        """A subnet of that IP version that overlaps none of `taken` (CIDR text of both versions).

        The pools of `first` are tried before the configuration's. Raises NotFound when every pool
        is used up.
        """
        blocks = (ipaddress.ip_network(text, strict=False) for text in taken)
        used = merged(interval(each) for each in blocks if each.version == version)
        for pool in (*first, *self._pools):
            base = ipaddress.ip_network(pool.base)
            if base.version != version:
                continue
            start = first_free(interval(base), 1 << (_BITS[version] - pool.size), used)
            if start is not None:
                return f"{type(base.network_address)(start)}/{pool.size}"
        raise NotFound(
            _EXHAUSTED.format(version),
            hint="name a subnet with --subnet, remove unused networks with network prune, or add "
            "to default-address-pools in the daemon's configuration",
        )


def interval(block: Block) -> Interval:
    """First and last address of a subnet as numbers."""
    return int(block.network_address), int(block.broadcast_address)


def overlapping(subnet: str, others: Iterable[str]) -> str | None:
    """The first of `others` that has an address in common with `subnet`; None if there is none."""
    block = ipaddress.ip_network(subnet)
    for text in others:
        other = ipaddress.ip_network(text, strict=False)
        if other.version == block.version and other.overlaps(block):
            return text
    return None


def unique_local_prefix(engine_id: str) -> str:
    """This engine's own /48 of fd00::/8, always the same (RFC 4193, section 3.2)."""
    global_id = hashlib.sha256(engine_id.encode()).digest()[:5]
    return f"{ipaddress.IPv6Address(bytes([0xFD]) + global_id + bytes(10))}/48"


def check_pool(pool: AddressPool) -> AddressPool:
    """A pool of the configuration, as it is. Raises Invalid."""
    try:
        base = ipaddress.ip_network(pool.base)
    except ValueError as error:
        raise Invalid(f"invalid default-address-pools base {pool.base!r}: {error}") from None
    if not base.prefixlen <= pool.size <= base.max_prefixlen - 2:
        raise Invalid(
            f"invalid default-address-pools size {pool.size} for {pool.base}",
            hint=f"a size is {base.prefixlen} to {base.max_prefixlen - 2}",
        )
    return pool
