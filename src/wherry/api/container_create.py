"""The body of POST /containers/create: three of Docker's types in one object."""

# ruff: noqa: RUF009 - every call below makes a dataclasses.field, anew for each class

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from wherry.api.call import Call
from wherry.api.schema.body import as_values, read_json
from wherry.api.version import Version
from wherry.engine.containers.config import (
    ContainerConfig,
    HostConfig,
    Mount,
    NetworkingConfig,
)
from wherry.engine.containers.ownership import Ids
from wherry.engine.values.containers import CreateRequest
from wherry.errors import Invalid
from wherry.spec.jsonfields import form_of, json_field


@dataclass(frozen=True, slots=True)
class Body(ContainerConfig):
    """The body: a ContainerConfig with two more keys."""

    host_config: HostConfig = json_field("HostConfig", "container.HostConfig", HostConfig())
    networking_config: NetworkingConfig = json_field(
        "NetworkingConfig", "network.NetworkingConfig", NetworkingConfig()
    )


_CONFIG_FIELDS: Final = tuple(f.name for f in dataclasses.fields(ContainerConfig))
_CONFIG_KEYS: Final = frozenset(
    form.name.casefold() for f in dataclasses.fields(ContainerConfig) if (form := form_of(f))
)


async def read_create(call: Call) -> CreateRequest:
    """Return what to create. Raises Invalid in Docker's words."""
    value = await read_json(call.request)
    if value is None:
        raise Invalid("invalid JSON: got EOF while reading request body")
    body = as_values(value, Body, "container.CreateRequest")
    if not any(key.casefold() in _CONFIG_KEYS for key in value):
        raise Invalid("config cannot be empty in order to create a container")
    request = CreateRequest(
        name=call.query.text("name").removeprefix("/"),
        config=ContainerConfig(**{name: getattr(body, name) for name in _CONFIG_FIELDS}),
        host_config=body.host_config,
        networking=body.networking_config,
        platform=call.query.text("platform") if call.version >= (1, 41) else "",
        caller=Ids(peer.uid, peer.gid) if (peer := call.request.credentials) else None,
    )
    return _as_meant(request, call.version)


def _as_meant(request: CreateRequest, version: Version) -> CreateRequest:
    """Return the request as a client of that version means it."""
    host_config = request.host_config
    if host_config.pids_limit is not None and host_config.pids_limit <= 0:
        # 0 and -1 are "no limit", which is what no value means, too.
        host_config = dataclasses.replace(host_config, pids_limit=None)
    request = dataclasses.replace(request, host_config=host_config)
    for below, adapt in _ADAPTATIONS:
        if version < below:
            request = adapt(request)
    return request


def _without_start_interval(request: CreateRequest) -> CreateRequest:
    check = request.config.healthcheck
    if check is None or not check.start_interval:
        return request
    check = dataclasses.replace(check, start_interval=0)
    return dataclasses.replace(
        request, config=dataclasses.replace(request.config, healthcheck=check)
    )


def _read_only_not_recursive(request: CreateRequest) -> CreateRequest:
    mounts = request.host_config.mounts
    if mounts is None:
        return request
    adapted = tuple(_old_read_only(mount) for mount in mounts)
    return dataclasses.replace(
        request, host_config=dataclasses.replace(request.host_config, mounts=adapted)
    )


def _old_read_only(mount: Mount) -> Mount:
    if mount.bind_options is None or not mount.read_only:
        return mount
    options = dataclasses.replace(
        mount.bind_options, read_only_non_recursive=True, read_only_force_recursive=False
    )
    return dataclasses.replace(mount, bind_options=options)


_ADAPTATIONS: Final[tuple[tuple[Version, Callable[[CreateRequest], CreateRequest]], ...]] = (
    # The key was not known, so its value meant nothing.
    ((1, 44), _without_start_interval),
    # Read-only mounts were not recursive (API history, v1.44).
    ((1, 44), _read_only_not_recursive),
)
