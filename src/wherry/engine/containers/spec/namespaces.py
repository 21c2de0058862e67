"""Which namespaces a container has of its own, and which it borrows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wherry.engine.containers.config import HostConfig
from wherry.engine.containers.modes import other_container


def namespaces(
    host: HostConfig, paths: Mapping[str, str], *, mapped: bool = False
) -> list[dict[str, Any]]:
    """OCI's `linux.namespaces`; `paths` leads to those that are there already, by kind.

    `mapped`: it has a user namespace of its own.
    """
    wanted = [{"type": "mount"}]
    if "user" in paths:
        wanted.append({"type": "user", "path": paths["user"]})
    elif mapped:
        wanted.append({"type": "user"})
    for kind, mode in (
        ("network", host.network_mode),
        ("uts", host.uts_mode),
        ("pid", host.pid_mode),
        ("ipc", host.ipc_mode),
        ("cgroup", host.cgroupns_mode),
    ):
        if kind in paths:
            wanted.append({"type": kind, "path": paths[kind]})
        elif mode != "host":
            wanted.append({"type": kind})
    return wanted


def borrowed(host: HostConfig) -> dict[str, str]:
    """Kind of namespace -> the container (as the user named it) that it is borrowed from."""
    modes = {"network": host.network_mode, "pid": host.pid_mode, "ipc": host.ipc_mode}
    return {kind: other_container(mode) for kind, mode in modes.items() if other_container(mode)}


def namespace_path(pid: int, kind: str) -> str:
    """Where a process's namespace of that kind is found."""
    return f"/proc/{pid}/ns/{'net' if kind == 'network' else kind}"
