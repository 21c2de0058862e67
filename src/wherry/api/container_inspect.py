"""GET /containers/{name}/json: the whole of a container, in Docker's keys."""

from __future__ import annotations

import posixpath
from typing import Any

from wherry.api.container_networks import network_settings
from wherry.api.shims import CONTAINER, adapted
from wherry.api.timestamps import rfc3339_nano
from wherry.api.version import Version
from wherry.engine.containers import links
from wherry.engine.containers.record import Container, MountPoint, State
from wherry.engine.values.containers import Sizes
from wherry.spec.jsonencode import encode


def inspected(container: Container, sizes: Sizes | None, version: Version) -> dict[str, Any]:
    """Return a container as `docker inspect` shows it to a client of that version."""
    shown: dict[str, Any] = {
        "Id": container.id,
        "Created": rfc3339_nano(container.created),
        "Path": container.path,
        "Args": list(container.args),
        "State": state(container.state),
        "Image": container.image_id,
        "ResolvConfPath": container.resolv_conf_path,
        "HostnamePath": container.hostname_path,
        "HostsPath": container.hosts_path,
        "LogPath": container.log_path,
        "Name": f"/{container.name}",
        "RestartCount": container.restart_count,
        "Driver": container.driver,
        "Platform": container.platform.partition("/")[0],
        "MountLabel": container.labels.mount,
        "ProcessLabel": container.labels.process,
        "AppArmorProfile": container.labels.apparmor,
        "ExecIDs": list(container.execs) or None,
        "HostConfig": encode(container.host_config) | _links(container),
        "GraphDriver": {"Data": {}, "Name": container.driver},
    }
    if sizes is not None:
        shown |= {"SizeRw": sizes.rw, "SizeRootFs": sizes.root_fs}
    shown |= {
        "Mounts": [mount_point(mount) for mount in container.mounts],
        "Config": encode(container.config),
        "NetworkSettings": network_settings(container),
    }
    return adapted(CONTAINER, shown, version)


def _links(container: Container) -> dict[str, Any]:
    """Return the links of the default bridge in Docker's form: container and place of the name."""
    host = container.host_config
    if not host.links or host.network_mode not in links.DEFAULT_MODES:
        return {}
    pairs = (links.split(text) for text in host.links)
    return {"Links": [f"/{name}:/{container.name}/{alias}" for name, alias in pairs]}


def state(state: State) -> dict[str, Any]:
    """Return the `State` object."""
    return {
        "Status": state.status,
        "Running": state.running,
        "Paused": state.paused,
        "Restarting": state.restarting,
        "OOMKilled": state.oom_killed,
        "Dead": state.dead,
        "Pid": state.pid,
        "ExitCode": state.exit_code,
        "Error": state.error,
        "StartedAt": rfc3339_nano(state.started_at),
        "FinishedAt": rfc3339_nano(state.finished_at),
    }


def mount_point(mount: MountPoint) -> dict[str, Any]:
    """Return one entry of `Mounts`."""
    shown: dict[str, Any] = {"Type": mount.kind}
    if mount.name:
        shown["Name"] = mount.name
    below = mount.kind == "bind" and mount.subpath
    source = posixpath.join(mount.source, mount.subpath) if below else mount.source
    shown |= {"Source": source, "Destination": mount.destination}
    if mount.driver:
        shown["Driver"] = mount.driver
    return shown | {"Mode": mount.mode, "RW": mount.rw, "Propagation": mount.propagation}
