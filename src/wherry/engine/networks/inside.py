"""What every driver does inside a sandbox: addresses, routes, MTU. Netlink requests and lookups."""

from __future__ import annotations

from typing import Final

from wherry.engine.networks.sandbox import Sandbox
from wherry.engine.networks.values import Endpoint
from wherry.kernel.netlink import address, link, route
from wherry.kernel.netlink.message import Request
from wherry.kernel.netlink.socket import NetlinkSocket

DEFAULT_MTU: Final = 1500
_SMALLEST_MTU: Final = 1280
"""IPv6 does not work below (RFC 8200, section 5)."""
_MISSING: Final = (3, 101)  # ESRCH, ENETUNREACH: the route is not there


def addresses(index: int, endpoint: Endpoint) -> list[Request]:
    """Give a link the endpoint's addresses; the routes to their subnets come with them."""
    requests = []
    if endpoint.ipv4:
        requests.append(address.add(index, endpoint.ipv4, endpoint.ipv4_prefix))
    if endpoint.ipv6:
        requests.append(address.add(index, endpoint.ipv6, endpoint.ipv6_prefix))
    for each in endpoint.link_local:
        requests.append(address.add(index, each, 64 if ":" in each else 16))
    return requests


def default_routes(index: int, endpoint: Endpoint) -> list[Request]:
    """The default routes that go through the endpoint; without gateway, through the bare link."""
    requests = []
    if endpoint.default_v4:
        requests.append(route.add("0.0.0.0/0", index=index, gateway=endpoint.gateway4))
    if endpoint.default_v6:
        requests.append(route.add("::/0", index=index, gateway=endpoint.gateway6))
    return requests


def settle(sandbox: Sandbox, endpoint: Endpoint) -> None:
    """Bring the default routes through an endpoint that is there to what it says."""
    index = link.by_name(sandbox.routes, endpoint.interface or "eth0").index
    sandbox.routes.execute(*default_routes(index, endpoint))
    for wanted, cidr in ((endpoint.default_v4, "0.0.0.0/0"), (endpoint.default_v6, "::/0")):
        if not wanted:
            _remove_default(sandbox.routes, index, cidr)


def _remove_default(routes: NetlinkSocket, index: int, cidr: str) -> None:
    for each in route.dump(routes):
        if each.cidr == cidr and each.index == index and each.table == route.RT_TABLE_MAIN:
            try:
                routes.execute(
                    route.remove(cidr, index=index, gateway=each.gateway, metric=each.metric)
                )
            except OSError as error:
                if error.errno not in _MISSING:
                    raise


def mtu_of(routes: NetlinkSocket) -> int:
    """The MTU of the way out of the host: the smallest of the links that default routes use.

    1500 without any default route, or where the host's own MTU is larger than what the world
    takes anyhow is not known: the link's value counts.
    """
    indexes = {
        each.index for each in route.dump(routes, local=False) if each.is_default and each.index
    }
    found = [link.by_index(routes, index).mtu for index in indexes]
    return max(min(found), _SMALLEST_MTU) if found else DEFAULT_MTU
