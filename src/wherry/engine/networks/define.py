"""From what a client asks for to a network, checked and complete; nothing is made here.

Order and status of the complaints are Docker's: predefined names and overlaps are 403, a taken name
is 409, what is badly written 400.
"""

from __future__ import annotations

import ipaddress
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from wherry.engine.networks import egress
from wherry.engine.networks import options as driver_options
from wherry.engine.networks.addresses import Block, block, inner
from wherry.engine.networks.config import IPAM, IPAMConfig, NetworkRequest
from wherry.engine.networks.ipam import Addresses
from wherry.engine.networks.pools import SubnetChooser, overlapping
from wherry.engine.networks.values import Network, Subnet
from wherry.errors import Conflict, Denied, Invalid, NotFound

if TYPE_CHECKING:
    from wherry.engine.networks.catalogue import Catalogue

RESERVED_NAMES: Final = ("bridge", "host", "none", "default")
SINGLE: Final = ("host", "null")
DRIVERS: Final = ("bridge", "macvlan", "ipvlan")
ONE_SUBNET_DRIVERS: Final = ("bridge",)
ROUTER: Final = {4: "DefaultGatewayIPv4", 6: "DefaultGatewayIPv6"}
"""Auxiliary addresses that are the containers' way out where that is not the bridge itself."""


class Definitions:
    """Makes definitions of networks; `routes` gives the CIDRs that the host has routes for."""

    def __init__(
        self, catalogue: Catalogue, chooser: SubnetChooser, routes: Callable[[], Iterable[str]]
    ) -> None:
        self._catalogue = catalogue
        self._chooser = chooser
        self._routes = routes

    def define(self, request: NetworkRequest) -> tuple[Network, str]:
        """The network, and a warning or "". Raises Invalid, Denied, Conflict, NotFound."""
        request = self._with_configuration(request)
        check_name(request.name)
        if self._catalogue.named(request.name) is not None:
            raise Conflict(
                f"network with name {request.name} already exists",
                hint="choose another name, or remove that network first",
            )
        driver = "null" if request.config_only else check_driver(request)
        ipam = request.ipam or IPAM()
        if ipam.driver not in ("", "default", "null"):
            raise NotFound(f'plugin "{ipam.driver}" not found', hint="leave the IPAM driver away")
        options = dict(request.options or {})
        meaning = driver_options.read(options)
        for text in (options.get(egress.LABEL), (request.labels or {}).get(egress.LABEL)):
            if text is not None:
                egress.parse(text)
        id = secrets.token_hex(32)
        network = Network(
            id=id,
            name=request.name,
            driver=driver,
            created=time.time_ns(),
            internal=request.internal,
            attachable=request.attachable,
            ingress=request.ingress,
            config_only=request.config_only,
            config_from=request.config_from.network if request.config_from else "",
            enable_ipv4=request.enable_ipv4 is not False,
            enable_ipv6=bool(request.enable_ipv6),
            ipam_driver=ipam.driver or "default",
            ipam_options=ipam.options,
            options=options,
            labels=dict(request.labels or {}),
            bridge=(meaning.bridge or f"br-{id[:12]}") if driver == "bridge" else "",
            mtu=meaning.mtu,
            icc=meaning.icc,
            masquerade_v4=meaning.masquerade_v4,
            masquerade_v6=meaning.masquerade_v6,
        )
        wanted = [read_subnet(each) for each in ipam.config or ()]
        if request.config_only:
            return replace(network, subnets=tuple(wanted)), ""
        subnets, warning = self._subnets(network, wanted)
        self._check_link_name(network)
        return replace(network, subnets=subnets), warning

    def _with_configuration(self, request: NetworkRequest) -> NetworkRequest:
        """The request, filled in from the configuration-only network that it names."""
        source = request.config_from.network if request.config_from else ""
        if not source:
            return request
        template = self._catalogue.find(source)
        if not template.config_only:
            raise Denied(f"{source} is not a configuration network")
        rows = tuple(_as_asked(subnet) for subnet in template.subnets)
        return replace(
            request,
            ipam=IPAM(template.ipam_driver, template.ipam_options, rows),
            enable_ipv6=template.enable_ipv6,
            internal=template.internal,
            options={**template.options, **(request.options or {})},
            labels={**template.labels, **(request.labels or {})},
        )

    def _check_link_name(self, network: Network) -> None:
        holder = next((n for n in self._catalogue if n.bridge == network.bridge != ""), None)
        if holder is not None:
            raise Denied(
                f"bridge name {network.bridge} is already in use by network {holder.name}",
                hint="choose another com.docker.network.bridge.name",
            )

    def _subnets(
        self, network: Network, wanted: Sequence[Subnet]
    ) -> tuple[tuple[Subnet, ...], str]:
        check_families(network, wanted)
        unused = [row.cidr for row in wanted if row.is_v6 and not network.enable_ipv6]
        kept = [row for row in wanted if row.cidr not in unused]
        others = self._catalogue.subnets()
        for row in kept:
            check_overlap(row.cidr, others)
        taken = [*others, *self._routes(), *(row.cidr for row in kept)]
        if network.enable_ipv4 and all(row.is_v6 for row in kept):
            kept.insert(0, Subnet(self._chooser.choose(4, taken)))
        if network.enable_ipv6 and not any(row.is_v6 for row in kept):
            kept.append(Subnet(self._chooser.choose(6, taken)))
        warning = f"IPv6 is not enabled: subnet {', '.join(unused)} is not used" if unused else ""
        return tuple(with_gateway(row) for row in kept), warning


def check_name(name: str) -> None:
    """A name for a network of the user's own. Raises Denied for ours, Invalid otherwise."""
    if name in RESERVED_NAMES:
        raise Denied(
            f"operation is not permitted on predefined {name} network",
            hint="choose another name",
        )
    if not name.strip():
        raise Invalid(f"invalid name: {name!r} is empty", hint="give the network a name")
    if name.startswith("container:") or "/" in name or not name.isprintable():
        raise Invalid(
            f"invalid name: {name!r}",
            hint="a name has no slash, no control character, and does not begin with container:",
        )


def check_driver(request: NetworkRequest) -> str:
    """The driver's name. Raises NotFound, Denied."""
    driver = request.driver or "bridge"
    if request.scope not in ("", "local"):
        raise Denied(
            f"cannot create a {request.scope} scoped network when swarm is not active",
            hint="there is no swarm; leave the scope away",
        )
    if driver in SINGLE:
        raise Denied(f'only one instance of "{driver}" network is allowed')
    if driver == "overlay":
        raise Denied(
            "This node is not a swarm manager, overlay networks need one",
            hint="use the driver bridge, macvlan or ipvlan",
        )
    if driver not in DRIVERS:
        raise NotFound(f'plugin "{driver}" not found', hint=f"drivers are {', '.join(DRIVERS)}")
    return driver


def read_subnet(asked: IPAMConfig) -> Subnet:
    """One subnet as a client wrote it. Raises Invalid."""
    if not asked.subnet:
        raise Invalid(
            "invalid network config: a gateway or ip-range needs its subnet",
            hint="name the subnet with --subnet",
        )
    whole = block(asked.subnet, "subnet")
    aux = {name: str(inner(text, whole, "auxiliary address")) for name, text in
           (asked.aux or {}).items()}  # fmt: skip
    gateway = str(inner(asked.gateway, whole, "gateway")) if asked.gateway else ""
    if whole.version == 4 and whole.num_addresses > 2:
        _not_an_end(gateway, whole)
    if gateway and gateway in aux.values():
        raise Invalid(f"failed to allocate gateway ({gateway}): Address already in use",
                      hint="gateway and auxiliary address are the same")  # fmt: skip
    return Subnet(
        cidr=str(whole),
        gateway=gateway,
        ip_range=_range(asked.ip_range, whole) if asked.ip_range else "",
        aux=aux,
        given=True,
        gateway_given=bool(gateway),
    )


def _not_an_end(gateway: str, whole: Block) -> None:
    if gateway in (str(whole[0]), str(whole[-1])):
        raise Invalid(
            f"failed to allocate gateway ({gateway}): Address already in use",
            hint="it is the network's own or its broadcast address",
        )


def _range(text: str, whole: Block) -> str:
    part = block(text, "ip-range")
    if part.version != whole.version:
        raise Invalid(f"invalid ip-range {text}: parent subnet is an IPv{whole.version} block")
    if not part.subnet_of(whole):  # type: ignore[arg-type]
        raise Invalid(f"invalid ip-range {text}: parent subnet {whole} doesn't contain ip-range")
    return str(part)


def check_families(network: Network, subnets: Sequence[Subnet]) -> None:
    """As many subnets of each family as the driver can serve. Raises Invalid."""
    if not network.enable_ipv4 and not network.enable_ipv6:
        raise Invalid("IPv4 or IPv6 must be enabled")
    for version in (4, 6):
        rows = [row.cidr for row in subnets if row.is_v6 == (version == 6)]
        if len(rows) > 1 and network.driver in ONE_SUBNET_DRIVERS:
            raise Invalid(
                f"{network.driver} driver doesn't support multiple subnets: {', '.join(rows)}",
                hint=f"give one IPv{version} subnet with one gateway",
            )


def check_overlap(subnet: str, others: Iterable[str]) -> None:
    """That no other network has addresses in common with a subnet. Raises Denied."""
    other = overlapping(subnet, others)
    if other is not None:
        raise Denied(
            "Pool overlaps with other one on this address space",
            hint=f"{subnet} overlaps {other}; choose another subnet or remove that network",
        )


def with_gateway(subnet: Subnet) -> Subnet:
    """The subnet with a gateway: where none was named, the first address that is handed out."""
    if subnet.gateway:
        return subnet
    first = Addresses(subnet).take()
    if first is None:
        raise Invalid(
            f"failed to allocate gateway in {subnet.cidr}: No available addresses on this pool",
            hint="choose a larger subnet",
        )
    return replace(subnet, gateway=first)


def _as_asked(subnet: Subnet) -> IPAMConfig:
    gateway = subnet.gateway if subnet.gateway_given else ""
    return IPAMConfig(subnet.cidr, subnet.ip_range, gateway, subnet.aux)


def router_of(subnet: Subnet) -> str:
    """The address that containers send to what is elsewhere."""
    version = ipaddress.ip_network(subnet.cidr).version
    return subnet.aux.get(ROUTER[version], subnet.gateway)


def options_text(options: Mapping[str, bool | int | str]) -> dict[str, str]:
    """Driver options as text, truth values in Go's words."""
    return {
        key: str(value).lower() if isinstance(value, bool) else str(value)
        for key, value in options.items()
    }
