"""Forwarding of the host: switched on when the first network needs it, as Docker does, and left on.

It stays on at the end: nobody can tell whether something else has come to rely on it.
"""

from __future__ import annotations

import logging

from wherry.engine.networks.sandbox import read_setting, write_settings
from wherry.engine.networks.values import Network
from wherry.kernel.netlink import link
from wherry.kernel.netlink.socket import NETLINK_ROUTE, NetlinkSocket

_IPV4 = "net/ipv4/ip_forward"
_IPV6 = "net/ipv6/conf/all/forwarding"
_log = logging.getLogger(__name__)


def enable(network: Network) -> None:
    """Let the host forward what this network needs to be forwarded. Raises OSError."""
    if network.internal:
        return
    if network.enable_ipv4 and read_setting(_IPV4) == "0":
        _log.info("switching net.ipv4.ip_forward on, for network %s", network.name)
        write_settings({_IPV4: "1"})
    if network.enable_ipv6 and read_setting(_IPV6) == "0":
        _log.info("switching net.ipv6.conf.all.forwarding on, for network %s", network.name)
        _keep_router_advertisements()
        write_settings({_IPV6: "1"})


def _keep_router_advertisements() -> None:
    """A host that forwards ignores router advertisements unless `accept_ra` is 2 (ip-sysctl.rst):
    without this, a host that got its IPv6 route from one would lose it within the hour."""
    with NetlinkSocket(NETLINK_ROUTE) as routes:
        names = [each.name for each in link.dump(routes)]
    for name in names:
        where = f"net/ipv6/conf/{name}"
        if read_setting(f"{where}/accept_ra") == "1" and read_setting(f"{where}/forwarding") == "0":
            write_settings({f"{where}/accept_ra": "2"})
