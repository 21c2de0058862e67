"""The files of /etc that belong to a container and not to its image: hostname, hosts, resolv.conf.

They are written anew at each start into the container's directory. While it runs they are the
user's: a network that comes or goes adds and removes its own lines of hosts, and resolv.conf is
changed only as long as it reads as it was written. All are written in place, since the container
has the very files mounted.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from wherry.engine.containers.modes import is_private_network
from wherry.engine.containers.record import Container
from wherry.engine.containers.spec import hostsfile, resolvfile
from wherry.engine.containers.spec.hostsfile import HostsLine
from wherry.engine.containers.spec.resolvfile import Wishes
from wherry.engine.networks.dns.hostfile import PATH, read


@dataclass(frozen=True, slots=True)
class Naming:
    """What the files say beside the container's own record.

    `gateways` are what `host-gateway` stands for, `links` the lines of linked containers on the
    default bridge, `defaults` the daemon's own wishes for resolv.conf.
    """

    gateways: Sequence[str] = ()
    links: Sequence[HostsLine] = ()
    defaults: Wishes = field(default_factory=Wishes)


def write(container: Container, hostname: str, naming: Naming) -> None:
    """Write the three files. Raises OSError, Invalid for a host-gateway that there is not."""
    _write(container.hostname_path, hostname + "\n")
    _write(container.hosts_path, hosts(container, hostname, naming))
    _write(container.resolv_conf_path, resolv_conf(container, naming.defaults))


def hosts(container: Container, hostname: str, naming: Naming) -> str:
    """The text of /etc/hosts for the networks that the container has now."""
    lines = [
        *hostsfile.extra_lines(container.host_config, naming.gateways),
        *naming.links,
        *own_lines(container, hostname),
    ]
    return hostsfile.hosts(container.host_config, read("/etc/hosts"), lines)


def own_lines(container: Container, hostname: str, network_id: str = "") -> list[HostsLine]:
    """The lines of the container's own addresses, in all networks or in one."""
    endpoints = [row.endpoint for row in container.network.attachments]
    addresses = [
        address
        for endpoint in endpoints
        for address in (endpoint.ipv4, endpoint.ipv6)
        if address and network_id in ("", endpoint.network_id)
    ]
    return hostsfile.own_lines(hostname, container.config.domainname, addresses)


def resolv_conf(container: Container, defaults: Wishes) -> str:
    """The text of /etc/resolv.conf for the networks that the container has now."""
    wishes = Wishes.of(container.host_config, defaults)
    if not is_private_network(container.host_config.network_mode):
        return resolvfile.for_host_network(read(PATH), wishes)
    state = container.network
    if any(state.dns):
        return resolvfile.for_user_network(read(PATH), wishes)
    # Docker knows nothing of the network yet when it writes the file of one without addresses.
    addressed = [row.endpoint for row in state.attachments if row.endpoint.ipv4]
    ipv6 = not addressed or any(endpoint.ipv6 for endpoint in addressed)
    return resolvfile.for_bridge(resolvfile.host_text(), wishes, ipv6=ipv6)


def connected(container: Container, hostname: str, network_id: str) -> None:
    """A network came while the container runs: its lines come too. Raises OSError."""
    _edit_hosts(container, own_lines(container, hostname, network_id), ())


def disconnected(container: Container, gone: Sequence[HostsLine]) -> None:
    """A network went: its lines, made by `own_lines` before, go too. Raises OSError."""
    _edit_hosts(container, (), gone)


def change_resolv_conf(container: Container, before: str, defaults: Wishes) -> None:
    """Bring resolv.conf to the container's present networks unless a user has edited it.

    `before` is what `resolv_conf` gave for those that it had. Raises OSError.
    """
    after = resolv_conf(container, defaults)
    if after != before and read(container.resolv_conf_path) == before:
        _write(container.resolv_conf_path, after)


def _edit_hosts(container: Container, new: Sequence[HostsLine], gone: Sequence[HostsLine]) -> None:
    text = read(container.hosts_path)
    edited = hostsfile.with_lines(hostsfile.without_lines(text, [*gone, *new]), new)
    if edited != text:
        _write(container.hosts_path, edited)


def _write(path: str, text: str) -> None:
    """Write in place: a running container may have the file bound, so it keeps its inode."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        os.write(fd, text.encode(errors="surrogateescape"))
    finally:
        os.close(fd)
