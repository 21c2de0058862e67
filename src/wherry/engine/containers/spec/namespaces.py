"""Which namespaces a container has of its own, and which it borrows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wherry.engine.containers.config import HostConfig
from wherry.engine.containers.modes import other_container


def namespaces(host: HostConfig, lenders: Mapping[str, int]) -> list[dict[str, Any]]:
    """OCI's `linux.namespaces`; `lenders` maps a borrowed kind to the pid of who has it."""
    wanted = [{"type": "mount"}]
    for kind, mode in (
        ("network", host.network_mode),
        ("uts", host.uts_mode),
        ("pid", host.pid_mode),
        ("ipc", host.ipc_mode),
        ("cgroup", host.cgroupns_mode),
    ):
        if kind in lenders:
            wanted.append({"type": kind, "path": _path(lenders[kind], kind)})
        elif mode != "host":
            wanted.append({"type": kind})
    return wanted


def borrowed(host: HostConfig) -> dict[str, str]:
    """Kind of namespace -> the container (as the user named it) that it is borrowed from."""
    modes = {"network": host.network_mode, "pid": host.pid_mode, "ipc": host.ipc_mode}
    return {kind: other_container(mode) for kind, mode in modes.items() if other_container(mode)}


def _path(pid: int, kind: str) -> str:
    return f"/proc/{pid}/ns/{'net' if kind == 'network' else kind}"
