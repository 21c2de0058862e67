"""GET /containers/json: one line of `docker ps` per container."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from wherry.api.call import Call
from wherry.api.container_inspect import mount_point
from wherry.api.container_networks import endpoints, port_summaries
from wherry.api.shims import CONTAINER, adapted
from wherry.api.timestamps import human_duration
from wherry.engine.containers.record import Container, State
from wherry.errors import WherryError

_BILLION = 1_000_000_000


async def listed(call: Call, containers: Sequence[Container], *, size: bool) -> list[Any]:
    """Return the list; sizes only on request, since each walks a layer."""
    now = time.time_ns()
    names = await _image_names(call, containers)
    shown = []
    for container in containers:
        image = names[container.image_ref, container.image_id]
        summary = adapted(CONTAINER, summarised(container, image, now), call.version)
        if size:
            sizes = await call.engine.containers.sizes(container.id)
            summary |= {"SizeRw": sizes.rw, "SizeRootFs": sizes.root_fs}
        shown.append(summary)
    return shown


async def _image_names(call: Call, containers: Sequence[Container]) -> dict[tuple[str, str], str]:
    """Return how each container's image is called now: by id when its name has moved on."""
    names = {(c.image_ref, c.image_id): c.image_ref for c in containers}
    for ref, id in names:
        try:
            found = await call.engine.images.get(ref)
        except WherryError:
            names[ref, id] = id
        else:
            names[ref, id] = ref if found.id == id else id
    return names


def summarised(container: Container, image: str, now: int) -> dict[str, Any]:
    """Return one entry of the list; `now` is nanoseconds since the epoch."""
    host_config: dict[str, Any] = {"NetworkMode": container.host_config.network_mode}
    if container.host_config.annotations:
        host_config["Annotations"] = dict(container.host_config.annotations)
    return {
        "Id": container.id,
        "Names": [f"/{container.name}"],
        "Image": image,
        "ImageID": container.image_id,
        "Command": command_line(container),
        "Created": container.created // _BILLION,
        "Ports": port_summaries(container),
        "Labels": dict(container.config.labels or {}),
        "State": container.state.status,
        "Status": status_text(container.state, now),
        "HostConfig": host_config,
        "NetworkSettings": {"Networks": endpoints(container)},
        "Mounts": [mount_point(mount) for mount in container.mounts],
    }


def command_line(container: Container) -> str:
    """Return the command as one line, arguments with spaces in single quotes."""
    words = [f"'{word}'" if " " in word else word for word in container.args]
    return " ".join((container.path, *words))


def status_text(state: State, now: int) -> str:
    """Return "Up 2 minutes", "Exited (0) 3 seconds ago" and the like."""
    started = human_duration((now - state.started_at) / _BILLION)
    finished = human_duration((now - state.finished_at) / _BILLION)
    if state.running:
        if state.paused:
            return f"Up {started} (Paused)"
        if state.restarting:
            return f"Restarting ({state.exit_code}) {finished} ago"
        return f"Up {started}"
    if state.status == "removing":
        return "Removal In Progress"
    if state.dead:
        return "Dead"
    if not state.started_at and state.status == "created":
        return "Created"
    if not state.finished_at:
        return ""
    return f"Exited ({state.exit_code}) {finished} ago"
