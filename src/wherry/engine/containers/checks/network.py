"""Checks of what a new container wants of networks: what is well written and fits together.

Whether its networks are there, and can grant what is wanted of them, is found out at its start, as
with Docker.
"""

from __future__ import annotations

from wherry.engine.containers.config import ContainerConfig, HostConfig
from wherry.engine.containers.modes import is_private_network
from wherry.engine.networks import egress, portspec
from wherry.errors import Invalid


def check(config: ContainerConfig, host: HostConfig) -> None:
    """Run every check that is made at creation. Raises Invalid."""
    mode = host.network_mode
    if mode.startswith("container:") or mode == "container":
        _other_container(config, host)
    if host.uts_mode == "host" and config.hostname:
        raise Invalid("conflicting options: hostname and the UTS mode")
    if mode == "host" and host.links:
        raise Invalid(
            "conflicting options: host type networking can't be used with links. "
            "This would result in undefined behavior"
        )
    portspec.wanted(config, host)
    _egress(config, host)


def _other_container(config: ContainerConfig, host: HostConfig) -> None:
    """What belongs to the network cannot be set for a container that borrows one."""
    if not host.network_mode.partition(":")[2]:
        raise Invalid("invalid network mode: invalid container format container:<name|id>")
    conflicts = (
        (config.hostname, "hostname and the network mode"),
        (
            host.links,
            (
                "container type network can't be used with links. "
                "This would result in undefined behavior"
            ),
        ),
        (host.dns, "dns and the network mode"),
        (host.extra_hosts, "custom host-to-IP mapping and the network mode"),
        (config.mac_address, "mac-address and the network mode"),
        (
            host.port_bindings or host.publish_all_ports,
            "port publishing and the container type network mode",
        ),
        (config.exposed_ports, "port exposing and the container type network mode"),
    )
    for given, words in conflicts:
        if given:
            raise Invalid(f"conflicting options: {words}")


def _egress(config: ContainerConfig, host: HostConfig) -> None:
    """A policy is well written, and the container has a network of its own to hold it to."""
    text = (config.labels or {}).get(egress.LABEL)
    if text is None:
        return
    egress.parse(text)
    if not is_private_network(host.network_mode):
        raise Invalid(
            "conflicting options: an egress policy and the network mode",
            hint=f"a container with the network {host.network_mode} cannot be held to one",
        )


def warnings(host: HostConfig) -> list[str]:
    """What Docker would warn about."""
    if host.network_mode == "host" and host.port_bindings:
        return ["Published ports are discarded when using host network mode"]
    return []
