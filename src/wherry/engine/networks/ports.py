"""The host's ports that containers publish: chosen, checked against others, remembered.

No socket stays open for a published port. At publication each address and port is bound for a
moment, so that a process of the host that listens there is found; one that comes later finds
the port free and is not reached from outside (docs/decisions/161-no-socket-per-port.md).
"""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wherry.engine.networks.holders import holder
from wherry.engine.networks.values import Published
from wherry.errors import Internal, Invalid, Unavailable

if TYPE_CHECKING:
    from wherry.engine.networks.values import Endpoint, PortBinding

ANY: Final = {4: "0.0.0.0", 6: "::"}
_FREE_RANGE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_KINDS: Final = {
    "tcp": (socket.SOCK_STREAM, socket.IPPROTO_TCP),
    "udp": (socket.SOCK_DGRAM, socket.IPPROTO_UDP),
    "sctp": (socket.SOCK_STREAM, getattr(socket, "IPPROTO_SCTP", 132)),
}
_NOT_HERE: Final = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
_NO_SUCH_PROTOCOL: Final = (errno.EPROTONOSUPPORT, errno.ESOCKTNOSUPPORT)


class Taken(Exception):
    """Somebody has the port; `by` tells who."""

    def __init__(self, address: str, port: int, by: str) -> None:
        super().__init__(address, port, by)
        self.address, self.port, self.by = address, port, by


class Ports:
    """Everything that is published now. `name_of` gives a container's name by its id."""

    def __init__(self, default_address: str, name_of: Callable[[str], str]) -> None:
        self._default_address = default_address
        self._name_of = name_of
        self._held: dict[tuple[str, int], list[Published]] = {}
        self._next = 0

    def publish(
        self, wanted: Sequence[PortBinding], endpoint: Endpoint, binding_address: str = ""
    ) -> tuple[Published, ...]:
        """Give every wanted publication its port; all or none.

        `binding_address` is the network's own default address. Raises Internal (500, as Docker)
        when a port is in use, Invalid for an address that the host does not have.
        """
        found: list[Published] = []
        try:
            for binding in wanted:
                rows = self._one(binding, endpoint, binding_address)
                self._hold(rows)
                found += rows
        except BaseException:
            self.release(found)
            raise
        return tuple(found)

    def hold(self, published: Iterable[Published]) -> None:
        """Note what a running container has published already."""
        self._hold(published)

    def release(self, published: Iterable[Published]) -> None:
        """The ports are free again; unknown ones are no error."""
        for row in published:
            rows = self._held.get((row.proto, row.host_port), [])
            with contextlib.suppress(ValueError):
                rows.remove(row)
            if not rows:
                self._held.pop((row.proto, row.host_port), None)

    def _hold(self, published: Iterable[Published]) -> None:
        for row in published:
            self._held.setdefault((row.proto, row.host_port), []).append(row)

    def _one(self, binding: PortBinding, endpoint: Endpoint, address: str) -> list[Published]:
        pairs = list(_pairs(binding.host_ip or address or self._default_address, endpoint))
        last: Taken | None = None
        for port in self._candidates(binding.host_ports):
            try:
                for host_ip, _ in pairs:
                    self._check(binding.proto, host_ip, port)
            except Taken as taken:
                last = taken
                continue
            return [
                Published(
                    binding.proto, host_ip, port, inside, binding.container_port,
                    endpoint.network_id, endpoint.id, endpoint.container_id,
                )
                for host_ip, inside in pairs
            ]  # fmt: skip
        raise _refused(binding, endpoint, last)

    def _candidates(self, wanted: tuple[int, int]) -> Iterator[int]:
        """The ports to try: those asked for, or the kernel's own range from where we were."""
        if wanted != (0, 0):
            yield from range(wanted[0], wanted[1] + 1)
            return
        first, last = (int(text) for text in _FREE_RANGE.read_text().split())
        count = last - first + 1
        for step in range(count):
            port = first + (self._next + step) % count
            self._next = port - first + 1
            yield port

    def _check(self, proto: str, address: str, port: int) -> None:
        for row in self._held.get((proto, port), ()):
            if _collide(row.host_ip, address):
                name = self._name_of(row.container_id)
                raise Taken(row.host_ip, port, f"container {name} publishes it")
        _try_bind(proto, address, port)


def _pairs(address: str, endpoint: Endpoint) -> Iterator[tuple[str, str]]:
    """Host's address and container's, per IP version that both have."""
    inside = {4: endpoint.ipv4, 6: endpoint.ipv6}
    if address in ("", ANY[4]) and inside[4]:
        yield ANY[4], inside[4]
    # Docker's default address 0.0.0.0 means every address, as far as the container has both.
    if address in ("", ANY[6]) and inside[6]:
        yield ANY[6], inside[6]
    if address in ("", *ANY.values()):
        return
    version = 6 if ":" in address else 4
    if not inside[version]:
        raise Invalid(
            f"cannot publish on {address}: the container has no IPv{version} address",
            hint="make its network with --ipv6" if version == 6 else "publish on an IPv6 address",
        )
    yield address, inside[version]


def _collide(one: str, other: str) -> bool:
    if (":" in one) != (":" in other):
        return False
    return one == other or one in ANY.values() or other in ANY.values()


def _try_bind(proto: str, address: str, port: int) -> None:
    """Find out whether a process of the host has the port. Raises Taken, Invalid."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, *_KINDS[proto]) as probe:
            if proto == "tcp":  # connections that are long closed do not count
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind((address, port))
    except OSError as error:
        if error.errno in _NO_SUCH_PROTOCOL:  # SCTP without its module: nobody listens either
            return
        if error.errno in _NOT_HERE:
            raise Invalid(
                f"cannot publish on {address}: cannot assign requested address",
                hint="name an address that this host has (see ip address)",
            ) from None
        if error.errno != errno.EADDRINUSE:
            raise
        process = holder(proto, port)
        by = f"process {process.name} (pid {process.pid}) listens there" if process else (
            "a process of the host has it")  # fmt: skip
        raise Taken(address, port, by) from None


def _refused(binding: PortBinding, endpoint: Endpoint, taken: Taken | None) -> Exception:
    if taken is None or (binding.host_ports == (0, 0)):
        return Unavailable(
            f"all ports are allocated: no free {binding.proto} port on the host",
            hint="widen net.ipv4.ip_local_port_range or stop containers that publish ports",
        )
    first, last = binding.host_ports
    where = f"[{taken.address}]" if ":" in taken.address else taken.address
    reason = "port is already allocated" if first == last else "all ports are allocated"
    which = f"{where}:{first}" if first == last else f"{where}:{first}-{last}"
    return Internal(
        f"driver failed programming external connectivity on endpoint {endpoint.id[:12]} "
        f"({endpoint.container_id}): Bind for {which} failed: {reason}",
        hint=f"{taken.by}; stop it or publish on another port",
    )
