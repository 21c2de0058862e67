"""The networks that are always there: bridge (from the daemon's configuration), host, none."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from wherry.engine.networks.addresses import block, inner
from wherry.engine.networks.define import ROUTER, options_text, with_gateway
from wherry.engine.networks.settings import BRIDGE_POOLS, DEFAULT_POOLS
from wherry.engine.networks.values import (
    BRIDGE_NAME,
    DEFAULT_BRIDGE,
    DEFAULT_LINK,
    HOST_BINDING,
    ICC,
    MASQUERADE,
    MTU,
    Network,
    Subnet,
)
from wherry.errors import Invalid

if TYPE_CHECKING:
    from wherry.engine.networks.pools import SubnetChooser
    from wherry.engine.networks.settings import NetworkSettings


def host_network(id: str) -> Network:
    """The host's own network."""
    return Network(id, "host", "host", time.time_ns())


def no_network(id: str) -> Network:
    """Loopback only."""
    return Network(id, "none", "null", time.time_ns())


class DefaultBridge:
    """Makes the network "bridge" as the configuration has it."""

    def __init__(
        self,
        settings: NetworkSettings,
        chooser: SubnetChooser,
        taken: Callable[[], Iterable[str]],
        *,
        alone: bool,
    ) -> None:
        """`alone`: this is the machine's engine, not one beside it with a data-root of its own."""
        self._settings = settings
        self._chooser = chooser
        self._taken = taken
        self._alone = alone
        own = settings.default_address_pools == DEFAULT_POOLS
        self._first = BRIDGE_POOLS if own else ()

    def define(self, known: Network | None, id: str) -> Network:
        """The network; whatever the configuration leaves open stays as it was known.

        Raises Invalid for a configuration that fits not together.
        """
        settings = self._settings
        link = settings.bridge or (DEFAULT_LINK if self._alone else f"br-{id[:12]}")
        return Network(
            id=id,
            name="bridge",
            driver="bridge",
            created=known.created if known else time.time_ns(),
            enable_ipv6=settings.ipv6,
            subnets=tuple(self._subnets(known)),
            options=self._options(link),
            bridge=link,
            mtu=settings.mtu,
            icc=settings.icc,
            masquerade_v4=settings.ip_masq,
            masquerade_v6=settings.ip_masq,
        )

    def _options(self, link: str) -> dict[str, str]:
        settings = self._settings
        return options_text(
            {
                DEFAULT_BRIDGE: True,
                ICC: settings.icc,
                MASQUERADE: settings.ip_masq,
                HOST_BINDING: settings.ip or "0.0.0.0",
                BRIDGE_NAME: link,
                MTU: settings.mtu or 1500,
            }
        )

    def _subnets(self, known: Network | None) -> list[Subnet]:
        settings = self._settings
        found = [
            self._subnet(
                4, settings.bip, settings.fixed_cidr, settings.default_gateway,
                known.v4 if known else (),
            )
        ]  # fmt: skip
        if settings.ipv6:
            found.append(
                self._subnet(
                    6, settings.bip6, settings.fixed_cidr_v6, settings.default_gateway_v6,
                    known.v6 if known else (),
                )
            )  # fmt: skip
        return found

    def _subnet(
        self, version: int, own: str, part: str, router: str, known: tuple[Subnet, ...]
    ) -> Subnet:
        if own:
            cidr, gateway = _interface(own)
        elif part and version == 6:
            cidr, gateway = str(block(part, "fixed-cidr-v6")), ""
        elif known and not known[0].given:
            cidr, gateway = known[0].cidr, known[0].gateway
        else:
            cidr, gateway = self._chooser.choose(version, self._taken(), self._first), ""
        whole = block(cidr, "subnet")
        ip_range = str(block(part, "fixed-cidr")) if part else ""
        aux = {ROUTER[version]: str(inner(router, whole, "default-gateway"))} if router else {}
        return with_gateway(
            Subnet(
                cidr,
                gateway,
                ip_range if ip_range != cidr else "",
                aux,
                given=bool(own),
                gateway_given=bool(own),
            )
        )


def _interface(text: str) -> tuple[str, str]:
    """Subnet and own address of `bip` ("10.1.0.1/24")."""
    try:
        interface = ipaddress.ip_interface(text)
    except ValueError as error:
        raise Invalid(f"invalid bip {text!r}: {error}", hint="write ADDRESS/PREFIX") from None
    return str(interface.network), str(interface.ip)
