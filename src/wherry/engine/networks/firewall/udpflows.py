"""UDP flows that connection tracking remembers wrongly after a port was published or taken back.

Translation is decided with a flow's first packet, and a client that sends again and again from the
same port keeps its flow alive: without this it would never reach a container that publishes the
port now, or still reach one that does not any more (a resolver, a syslog sender, a game).
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from wherry.engine.networks.firewall.sets import version_of
from wherry.engine.networks.values import Published
from wherry.kernel.netlink.conntrack import ConntrackSocket, Flow

_log = logging.getLogger(__name__)

_FAMILY: Final = {"4": socket.AF_INET, "6": socket.AF_INET6}
_ANY: Final = ("0.0.0.0", "::")
Ports = Mapping[int, Sequence[Published]]


class UdpFlows:
    """Forgets such flows, in a thread of its own: the kernel walks a table for some 10 ms.

    Belongs to the network namespace in which it is made and called. Failures are logged: what is
    left then is what was there without it.
    """

    def __init__(self) -> None:
        self._socket = ConntrackSocket()
        self._thread = ThreadPoolExecutor(1, "udp-flows")

    def begin_anew(self, published: Iterable[Published]) -> None:
        """Forget flows that go elsewhere, though their port is published now."""
        self._forget(published, _goes_elsewhere)

    def end(self, published: Iterable[Published]) -> None:
        """Forget flows into a container that does not publish the port any more."""
        self._forget(published, _goes_there)

    def close(self) -> None:
        """Finish, and let go of the kernel."""
        self._thread.shutdown()
        self._socket.close()

    def _forget(
        self, published: Iterable[Published], wrong: Callable[[Flow, Published], bool]
    ) -> None:
        by_version: dict[str, dict[int, list[Published]]] = {}
        for row in published:
            if row.proto == "udp":
                ports = by_version.setdefault(version_of(row.container_ip), {})
                ports.setdefault(row.host_port, []).append(row)
        for version, ports in by_version.items():
            self._thread.submit(self._forget_now, _FAMILY[version], ports, wrong)

    def _forget_now(
        self, family: int, ports: Ports, wrong: Callable[[Flow, Published], bool]
    ) -> None:
        def stale(flow: Flow) -> bool:
            return any(wrong(flow, row) for row in ports.get(flow.port, ()))

        only = next(iter(ports)) if len(ports) == 1 else 0
        try:
            self._socket.forget(family, stale, only)
        except OSError as error:
            _log.warning("UDP flows of before may stay as they were: %s", error)


def _goes_there(flow: Flow, row: Published) -> bool:
    return flow.answers_from == (row.container_ip, row.container_port)


def _goes_elsewhere(flow: Flow, row: Published) -> bool:
    """A flow that is only forwarded, to another host's address, is none of ours."""
    if _goes_there(flow, row):
        return False
    return flow.address == row.host_ip or (row.host_ip in _ANY and _is_ours(flow.address))


def _is_ours(address: str) -> bool:
    """Whether this host has the address."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True
