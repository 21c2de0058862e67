"""The sets and maps of our table: everything that changes while containers come and go."""

from __future__ import annotations

from typing import Final

from wherry.kernel.nftables.sets import SetType

ADDRESS: Final = {"4": "ipv4_addr", "6": "ipv6_addr"}
VERSIONS: Final = ("4", "6")

BRIDGES: Final = SetType("bridges", ("ifname",))
"""Bridges of ours."""
SAME: Final = SetType("same", ("ifname", "ifname"))
"""Each bridge with itself: within one network."""
INTERNAL: Final = SetType("internal", ("ifname",))
"""Bridges that nothing gets into or out of."""


def _both(name: str, *key: str, **more: object) -> dict[str, SetType]:
    """The same set for each IP version; "address" stands for that version's type."""

    def fill(fields: tuple[str, ...], version: str) -> tuple[str, ...]:
        return tuple(ADDRESS[version] if f == "address" else f for f in fields)

    data = more.get("data", ())
    assert isinstance(data, tuple)
    return {
        version: SetType(
            f"{name}{version}",
            fill(key, version),
            fill(data, version),
            interval=bool(more.get("interval")),
            timeout=bool(more.get("timeout")),
        )
        for version in VERSIONS
    }


OPEN: Final = _both("open", "ifname")
"""Bridges whose containers may be reached at every port (gateway mode nat-unprotected)."""
ROUTED: Final = _both("routed", "ifname")
"""Bridges whose containers are reached at their own addresses (gateway mode routed)."""
ROUTED_PORTS: Final = _both("routed_ports", "address", "inet_proto", "inet_service")
"""Published ports there."""
MASQUERADE: Final = _both("masquerade", "address", interval=True)
"""Subnets that take the host's address when they leave."""
PUBLISH: Final = _both(
    "publish", "inet_proto", "address", "inet_service", data=("address", "inet_service")
)
"""Ports published on one address of the host: where they lead."""
ANY: Final = _both("any", "inet_proto", "inet_service", data=("address", "inet_service"))
"""Ports published on every address of the host: where they lead."""

GUARDED: Final = _both("guarded", "address")
"""Containers with an egress policy."""
ALLOWED: Final = _both("allowed", "address", "address", timeout=True)
"""Container and a destination that it may reach at every port."""
ALLOWED_PORTS: Final = _both(
    "allowed_ports", "address", "address", "inet_proto", "inet_service", timeout=True
)
"""Container and a destination's port that it may reach."""
NETWORKS: Final = _both("networks", "address", "address", interval=True)
"""Container and a subnet that it may reach at every port."""
NETWORK_PORTS: Final = _both(
    "network_ports", "address", "address", "inet_proto", "inet_service", interval=True
)
"""Container and a port that it may reach in a whole subnet."""

_PAIRS: Final = (
    OPEN, ROUTED, ROUTED_PORTS, MASQUERADE, PUBLISH, ANY,
    GUARDED, ALLOWED, ALLOWED_PORTS, NETWORKS, NETWORK_PORTS,
)  # fmt: skip
ALL: Final = (BRIDGES, SAME, INTERNAL, *(pair[v] for pair in _PAIRS for v in VERSIONS))


def version_of(address: str) -> str:
    """ "4" or "6"."""
    return "6" if ":" in address else "4"
