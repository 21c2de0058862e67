"""Checks of what a container wants of networks: what fits together, and what is there.

So far a container has loopback only (`none`, and `default`/`bridge` until networks come), the
host's network, or another container's.
"""

from __future__ import annotations

from wherry.engine.containers.config import ContainerConfig, HostConfig, NetworkingConfig
from wherry.errors import Invalid, NotFound, Unsupported

LOOPBACK_ONLY = ("", "default", "bridge", "none")
BUILT_IN = (*LOOPBACK_ONLY, "host")


def check(config: ContainerConfig, host: HostConfig) -> None:
    """Run every check that is made at creation. Raises Invalid, Unsupported for published ports."""
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
    _published(host)


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


def check_networks(host: HostConfig, networking: NetworkingConfig) -> None:
    """Check at start that the networks are there, as Docker does it. Raises NotFound.

    (At creation docker's command line would take a 404 for a missing image.)
    """
    for name in (host.network_mode, *(networking.endpoints_config or {})):
        _known(name)


def _known(name: str) -> None:
    if name in BUILT_IN or name.startswith("container:"):
        return
    raise NotFound(
        f"network {name} not found",
        hint="networks of your own are not supported yet; use none, host or container:ID",
    )


def _published(host: HostConfig) -> None:
    """With the host's network there is nothing to publish, as in Docker."""
    if host.network_mode == "host":
        return
    if host.port_bindings or host.publish_all_ports:
        raise Unsupported(
            "publishing ports is not supported yet",
            hint="use --network host, the container's ports are then the host's",
        )
    if host.links:
        raise Unsupported("--link is not supported yet")


def warnings(host: HostConfig) -> list[str]:
    """What Docker would warn about."""
    if host.network_mode == "host" and host.port_bindings:
        return ["Published ports are discarded when using host network mode"]
    return []
