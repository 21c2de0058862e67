"""Facts of networks: what a network is, a container's endpoint in it, and a published port.

Addresses are text without a prefix ("10.0.0.2", "fd00::2"), subnets are text in CIDR form; text
that stands in these values is valid and canonical (`wherry.engine.networks.addresses` reads what
clients send), so that the kernel side may use `socket.inet_pton` and nothing else.

Words and defaults are Docker's: Docker Engine API v1.51, definitions `Network`, `IPAM`,
`EndpointSettings`, `PortBinding`; driver options of the bridge driver, `com.docker.network.*`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

BRIDGE_NAME = "com.docker.network.bridge.name"
ICC = "com.docker.network.bridge.enable_icc"
MASQUERADE = "com.docker.network.bridge.enable_ip_masquerade"
DEFAULT_BRIDGE = "com.docker.network.bridge.default_bridge"
HOST_BINDING = "com.docker.network.bridge.host_binding_ipv4"
MTU = "com.docker.network.driver.mtu"
GATEWAY_MODE_V4 = "com.docker.network.bridge.gateway_mode_ipv4"
GATEWAY_MODE_V6 = "com.docker.network.bridge.gateway_mode_ipv6"
IFNAME = "com.docker.network.endpoint.ifname"
SYSCTLS = "com.docker.network.endpoint.sysctls"

PREDEFINED = ("bridge", "host", "none")
"""Names of the three networks that are always there."""

NO_BRIDGE = "none"
"""Value of the setting `bridge` that means: no default network, loopback in its place."""

DEFAULT_LINK = "wherry0"
"""Link of the network "bridge" where neither an option nor the daemon's configuration names one."""


@dataclass(frozen=True, slots=True)
class Subnet:
    """One subnet of a network. `gateway` is "" where there is none (internal macvlan ...).

    `gateway` is the bridge's own address with bridges, the outer router's with macvlan/ipvlan.
    `ip_range` is the CIDR that addresses are handed out from, "" for all of `cidr`. `aux` are
    addresses that are never handed out, by the name the user gave them. `given` tells whether the
    client named the subnet (static addresses are allowed then only, as in Docker).
    """

    cidr: str
    gateway: str = ""
    ip_range: str = ""
    aux: Mapping[str, str] = field(default_factory=dict)
    given: bool = False
    gateway_given: bool = False

    @property
    def is_v6(self) -> bool:
        """Whether this is an IPv6 subnet."""
        return ":" in self.cidr

    @property
    def prefix_length(self) -> int:
        """Length of the prefix, in bits."""
        return int(self.cidr.rpartition("/")[2])


@dataclass(frozen=True, slots=True)
class EgressRule:
    """One allowed destination: a name, an address or a CIDR; `port` 0 for every port."""

    host: str
    port: int = 0


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """What may leave: nothing but `allow`. No policy at all (None) means that everything may."""

    allow: tuple[EgressRule, ...] = ()


@dataclass(frozen=True, slots=True)
class Network:
    """A network as the database keeps it.

    `id` is 64 hex digits. `driver` is "bridge", "macvlan", "ipvlan", "host" or "null" (the network
    "none"). `created` is in nanoseconds since the epoch. `bridge` is the name of the host's link
    ("br-" and 12 digits of the id, `DEFAULT_LINK`, or what `BRIDGE_NAME` says), "" for drivers
    that have none. `mtu` 0 means: as the host's route has it (the driver looks it up).
    `icc`: endpoints of this network may talk to each other. `masquerade_v4`/`_v6`: what leaves to
    other networks takes the host's address. `predefined` networks cannot be removed.
    """

    id: str
    name: str
    driver: str
    created: int
    scope: str = "local"
    internal: bool = False
    attachable: bool = False
    ingress: bool = False
    config_only: bool = False
    config_from: str = ""
    enable_ipv4: bool = True
    enable_ipv6: bool = False
    ipam_driver: str = "default"
    ipam_options: Mapping[str, str] | None = None
    subnets: tuple[Subnet, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    bridge: str = ""
    mtu: int = 0
    icc: bool = True
    masquerade_v4: bool = True
    masquerade_v6: bool = True
    egress: EgressPolicy | None = None

    @property
    def predefined(self) -> bool:
        """Whether this is one of the three networks that are always there."""
        return self.name in PREDEFINED

    @property
    def has_dns(self) -> bool:
        """Whether containers here get the embedded DNS: every network but the three predefined."""
        return not self.predefined

    @property
    def v4(self) -> tuple[Subnet, ...]:
        """The IPv4 subnets."""
        return tuple(row for row in self.subnets if not row.is_v6)

    @property
    def v6(self) -> tuple[Subnet, ...]:
        """The IPv6 subnets."""
        return tuple(row for row in self.subnets if row.is_v6)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A container's place in one network, with everything that a driver needs to make it.

    Addresses are "" where the endpoint has none of that family; gateways are "" where no default
    route is wanted through this network (internal networks). `mac` is lower case with colons.
    `interface` is the name inside ("eth0"...), `host_link` the name of the veth's outer end, ""
    for drivers that have none. `aliases` are what the user asked for; `dns_names` everything that
    the embedded DNS answers for it (container name, aliases, short id, host name), without
    duplicates, in Docker's order. `links` are "container:alias", resolved by the DNS for this
    endpoint's container only. `gw_priority`: the endpoint with the highest one (then the network
    whose name sorts first) holds the default route. `default_v4`/`default_v6` say whether this
    endpoint holds it now: the driver sets the default route through it then and only then.
    """

    id: str
    network_id: str
    container_id: str
    mac: str = ""
    ipv4: str = ""
    ipv4_prefix: int = 0
    ipv6: str = ""
    ipv6_prefix: int = 0
    gateway4: str = ""
    gateway6: str = ""
    default_v4: bool = False
    default_v6: bool = False
    interface: str = ""
    host_link: str = ""
    aliases: tuple[str, ...] = ()
    dns_names: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    link_local: tuple[str, ...] = ()
    driver_opts: Mapping[str, str] = field(default_factory=dict)
    gw_priority: int = 0


@dataclass(frozen=True, slots=True)
class PortBinding:
    """A wanted publication. `host_ip` "" means the default addresses; `host_ports` (first, last)
    is a range to choose one free port from, (0, 0) the kernel's ephemeral range."""

    proto: str
    container_port: int
    host_ip: str = ""
    host_ports: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Published:
    """A publication in effect: `host_ip`:`host_port` leads to `container_ip`:`container_port`.

    `proto` is "tcp", "udp" or "sctp". `host_ip` is "0.0.0.0" or "::" for every address of that
    family. `container_ip` is of the same family. `network_id` and `endpoint_id` tell through which
    endpoint it goes. This value is the firewall's key and data, one element each.
    """

    proto: str
    host_ip: str
    host_port: int
    container_ip: str
    container_port: int
    network_id: str
    endpoint_id: str
    container_id: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """A container's endpoint and the name of the network that it is in."""

    network: str
    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class NetworkState:
    """What a running container has of networks; empty for one that does not run.

    Kept with the container's run state, so that the next daemon knows every address and port that
    is in use. `dns` are the UDP and TCP port of its DNS server inside, (0, 0) without one.
    """

    attachments: tuple[Attachment, ...] = ()
    published: tuple[Published, ...] = ()
    dns: tuple[int, int] = (0, 0)

    def on(self, network_id: str) -> Attachment | None:
        """The attachment to a network, None where there is none."""
        return next((a for a in self.attachments if a.endpoint.network_id == network_id), None)


def predefined_id(engine_id: str, name: str) -> str:
    """The id of a network that is always there: the same after every start of the engine."""
    return hashlib.sha256(f"{engine_id} {name}".encode()).hexdigest()
