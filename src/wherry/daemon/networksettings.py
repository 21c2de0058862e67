"""The daemon's settings of networks: dockerd's keys, and what of Wherry's own belongs to them."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from wherry.daemon.settingrow import Row
from wherry.errors import Invalid

if TYPE_CHECKING:
    from wherry.engine.networks.settings import AddressPool, NetworkSettings
    from wherry.engine.profile import Profile

PART: Final = "networks"


def _row(key: str, help: str, type: type = str, name: str = "", flag: str = "", **more: Any) -> Row:
    return Row(
        name or key.replace("-", "_"),
        (flag or f"--{key}",),
        key,
        help,
        type=type,
        part=PART,
        **more,
    )


ROWS: Final = (
    _row("bip", "address and prefix of the default bridge: 10.1.0.1/24"),
    _row("bip6", "the same for IPv6"),
    _row("bridge", "link of the default bridge; none for no default network", flag="--bridge"),
    _row("default-address-pools", "where subnets are chosen from: base=CIDR,size=BITS", type=list,
         flag="--default-address-pool"),
    _row("default-gateway", "way out of the default bridge, other than the bridge itself"),
    _row("default-gateway-v6", "the same for IPv6"),
    _row("dns", "name server for containers", repeated=True),
    _row("dns-opts", "resolver option for containers", repeated=True, flag="--dns-opt"),
    _row("dns-search", "search domain for containers", repeated=True),
    _row("fixed-cidr", "part of the default bridge's subnet to hand addresses out from"),
    _row("fixed-cidr-v6", "IPv6 subnet of the default bridge"),
    _row("host-gateway-ips", "what host-gateway stands for in --add-host", repeated=True,
         flag="--host-gateway-ip"),
    _row("icc", "containers on the default bridge reach each other (true)", type=bool),
    _row("ip", "address to publish ports on where none is named"),
    _row("ip-masq", "containers on the default bridge leave with the host's address (true)",
         type=bool),
    _row("ipv6", "IPv6 on the default bridge", type=bool),
    _row("mtu", "MTU of the default bridge (the host's)", type=int),
    _row("publish-obeys-input", "published ports pass the host's own input rules", type=bool),
)  # fmt: skip


def settings(values: Mapping[str, Any], profile: Profile) -> NetworkSettings:
    """The settings of networks from what was given and what is left open. Raises Invalid."""
    # Imported here: a daemon that is told nothing about networks does without it.
    from wherry.engine.networks.settings import NetworkSettings

    given = dict(values)
    if profile.publish_address:
        given.setdefault("ip", profile.publish_address)
    given.setdefault("publish_obeys_input", profile.publish_obeys_input)
    if "default_address_pools" in given:
        given["default_address_pools"] = tuple(_pool(p) for p in given["default_address_pools"])
    _check(given)
    return NetworkSettings(**given)


def _pool(given: object) -> AddressPool:
    """{"base": "10.0.0.0/8", "size": 24}, or `base=10.0.0.0/8,size=24`. Raises Invalid."""
    from wherry.engine.networks.pools import check_pool
    from wherry.engine.networks.settings import AddressPool

    fields = given
    if isinstance(given, str):
        fields = dict(field.partition("=")[::2] for field in given.split(","))
    if not isinstance(fields, dict) or fields.keys() != {"base", "size"}:
        raise Invalid(f"invalid default-address-pools entry {given!r}", hint="give base and size")
    try:
        return check_pool(AddressPool(str(fields["base"]), int(fields["size"])))
    except ValueError:
        raise Invalid(f"invalid default-address-pools size {fields['size']!r}") from None


def _check(given: Mapping[str, Any]) -> None:
    """Addresses are addresses. Raises Invalid."""
    texts = [*given.get("dns", ()), *given.get("host_gateway_ips", ())]
    texts += [given[n] for n in ("ip", "default_gateway", "default_gateway_v6") if given.get(n)]
    for text in texts:
        try:
            ipaddress.ip_address(text)
        except ValueError:
            raise Invalid(f"invalid IP address in the daemon's settings: {text!r}") from None
