"""What a container gets where neither the user nor the image said anything: Docker's defaults.

They are written into the record, so that inspect shows what really holds.
"""

from __future__ import annotations

from dataclasses import replace

from wherry.engine.containers import logdrivers
from wherry.engine.containers.config import ContainerConfig, HostConfig
from wherry.engine.containers.spec import securityopt
from wherry.engine.host import Host
from wherry.spec import runtime


def host_config(given: HostConfig, host: Host, runtime_name: str) -> HostConfig:
    """The host configuration with every default filled in, and the name of the runtime."""
    given = securityopt.with_system_paths(given)
    privileged = given.privileged
    policy = given.restart_policy
    log = given.log_config
    return replace(
        given,
        network_mode=given.network_mode or "default",
        restart_policy=replace(policy, name=policy.name or "no"),
        log_config=replace(log, type=log.type or logdrivers.DEFAULT, config=log.config or {}),
        ipc_mode=given.ipc_mode or "private",
        cgroupns_mode=given.cgroupns_mode or _cgroup_namespace(host),
        shm_size=given.shm_size or runtime.SHM_SIZE,
        runtime=runtime_name,
        memory_swap=_swap(given, host),
        memory_swappiness=None if given.memory_swappiness == -1 else given.memory_swappiness,
        masked_paths=_paths(given.masked_paths, runtime.MASKED_PATHS, privileged=privileged),
        readonly_paths=_paths(given.readonly_paths, runtime.READONLY_PATHS, privileged=privileged),
    )


def _cgroup_namespace(host: Host) -> str:
    """Private on version 2, for a privileged container too; on version 1 the host's, as Docker."""
    return "private" if host.cgroup_version == "2" else "host"


def _swap(given: HostConfig, host: Host) -> int:
    """As much swap again as there is memory."""
    if given.memory > 0 and not given.memory_swap and host.limits.works.get("SwapLimit"):
        return given.memory * 2
    return given.memory_swap


def _paths(
    given: tuple[str, ...] | None, default: tuple[str, ...], *, privileged: bool
) -> tuple[str, ...] | None:
    """An empty tuple means that the user wants none."""
    if privileged:
        return None
    return default if given is None else given


def config(given: ContainerConfig, host: HostConfig, id: str, nodename: str) -> ContainerConfig:
    """The configuration with a host name: the id's beginning, or the host's with its network."""
    if given.hostname or host.network_mode.startswith("container:"):
        return given
    borrowed = host.network_mode == "host" or host.uts_mode == "host"
    return replace(given, hostname=nodename if borrowed else id[:12])
