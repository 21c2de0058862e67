"""The role of a network driver: how networks and endpoints become links, addresses and routes.

Calls block, for a millisecond or two on the way of a container's start (`join`: netlink alone,
0.3 to 1 ms, so it may be called in the event loop), for longer where links are deleted (`remove`
and `leave`: 20 ms for each link, the kernel waits for RCU: call them in a thread). One call at a
time: whoever owns the drivers sees to that. Every call is either done as a whole or undone before
it raises.

Implementations: `bridge`, `macvlan`, `ipvlan`, `host`, `none`; suite: tests/root/networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from wherry.engine.networks.sandbox import Sandbox
from wherry.engine.networks.values import Endpoint, Network


@dataclass(frozen=True, slots=True)
class Joined:
    """What came of an endpoint. All of it belongs into the endpoint's record, for `restore`.

    `interface` is the link's name inside, `host_link` that of its outer end ("" without one),
    `mac` its address.
    """

    interface: str
    host_link: str
    mac: str
    mtu: int


class NetworkDriver(Protocol):
    """One kind of network."""

    uses_pairs: bool
    """Whether endpoints are veth pairs, so that a pooled sandbox brings its own along."""

    def create(self, network: Network) -> None:
        """Make what the network needs on the host; no error when it is there already.

        Raises Invalid for options and Conflict for links that make it impossible, Unsupported
        where the kernel lacks the kind of link, OSError for the rest.
        """

    def remove(self, network: Network) -> None:
        """Remove it again; what is gone already is no error. Endpoints have left before."""

    def join(self, sandbox: Sandbox, network: Network, endpoint: Endpoint) -> Joined:
        """Give the sandbox its link into the network, with addresses and routes, and set it up."""

    def leave(self, sandbox: Sandbox, network: Network, endpoint: Endpoint) -> None:
        """Take the link out of a sandbox that lives on. A sandbox that ends needs no call."""

    def reroute(self, sandbox: Sandbox, network: Network, endpoint: Endpoint) -> None:
        """Set or remove the default routes through this endpoint, as `default_v4`/`_v6` say.

        After another network was connected or disconnected: first those that lose the default,
        then the one that gains it. Includes telling neighbours nothing: addresses stay.
        """

    def restore(self, networks: Sequence[Network], endpoints: Sequence[Endpoint]) -> None:
        """At the daemon's start: bring the host to what these records say, and remove links of
        networks of this engine that are in no record. `endpoints` are those of running containers.
        """
