"""What a container may ask of the host when it is made through a scoped socket.

Every field of a host configuration has a row: `_FREE` ones concern the container alone, the others
are judged. A field without a row is refused unless it has its default, so that one which is added
to the engine later opens nothing here; a test holds that every field has its row.

The same judgement is asked about a container that is there already, before anything runs in it or
is copied from it: one with more rights than can be given here may well carry the scope's label.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from wherry.engine.containers.config import EndpointSettings, HostConfig, UpdateConfig
from wherry.engine.containers.mountwords import split_bind
from wherry.engine.containers.resources import Resources
from wherry.errors import Denied
from wherry.spec import runtime
from wherry.spec.jsonfields import form_of

Judge: TypeAlias = Callable[[Any], bool]

_FREE: Final = """
    auto_remove blkio_weight console_size container_id_file cpu_count cpu_percent cpu_period
    cpu_quota cpu_shares cpuset_cpus cpuset_mems cap_drop dns dns_options dns_search extra_hosts
    group_add init io_maximum_bandwidth io_maximum_iops kernel_memory kernel_memory_tcp memory
    memory_reservation memory_swap memory_swappiness nano_cpus pids_limit readonly_rootfs
    restart_policy shm_size storage_opt tmpfs ulimits
"""
_ELSEWHERE: Final = """
    binds mounts volumes_from links network_mode ipc_mode pid_mode port_bindings publish_all_ports
"""
"""Fields that name other objects: judged where those are looked up (`creation`)."""
_UNJUDGED: Final = frozenset((_FREE + _ELSEWHERE).split())
_LOG_DRIVERS: Final = ("", "local", "json-file", "none")
_FEWER_RIGHTS: Final = frozenset(
    ("no-new-privileges", "no-new-privileges:true", "no-new-privileges=true")
)


def _is(*allowed: object) -> Judge:
    return lambda value: value in allowed


def _nothing(value: object) -> bool:
    return not value


def _security(options: tuple[str, ...] | None) -> bool:
    """Not even the names of defaults: the daemon may have been given stricter ones."""
    return all(
        option in _FEWER_RIGHTS or option.startswith(("landlock=", "landlock:"))
        for option in options or ()
    )


def _capabilities(names: tuple[str, ...] | None) -> bool:
    usual = {name.removeprefix("CAP_") for name in runtime.CAPABILITIES}
    return {name.upper().removeprefix("CAP_") for name in names or ()} <= usual


def _paths(default: tuple[str, ...]) -> Judge:
    """All that are hidden by default are still hidden."""
    return lambda value: value is None or set(default) <= set(value)


def _user_namespace(mode: str) -> bool:
    return mode in ("", "auto") or mode.startswith("auto:size=")


_JUDGED: Final[Mapping[str, Judge]] = {
    "annotations": _nothing,
    "blkio_device_read_bps": _nothing,
    "blkio_device_read_iops": _nothing,
    "blkio_device_write_bps": _nothing,
    "blkio_device_write_iops": _nothing,
    "blkio_weight_device": _nothing,
    "cap_add": _capabilities,
    "cgroup": _nothing,
    "cgroup_parent": _nothing,
    "cgroupns_mode": _is("", "private"),
    "cpu_realtime_period": _nothing,
    "cpu_realtime_runtime": _nothing,
    "device_cgroup_rules": _nothing,
    "device_requests": _nothing,
    "devices": _nothing,
    "isolation": _is("", "default"),
    "log_config": lambda value: value.type in _LOG_DRIVERS,
    "masked_paths": _paths(runtime.MASKED_PATHS),
    "oom_kill_disable": _nothing,
    "oom_score_adj": lambda value: value >= 0,
    "privileged": _nothing,
    "readonly_paths": _paths(runtime.READONLY_PATHS),
    "runtime": _nothing,
    "security_opt": _security,
    "sysctls": _nothing,
    "userns_mode": _user_namespace,
    "uts_mode": _is("", "private"),
    "volume_driver": _is("", "local"),
}
_AS_MADE: Final[Mapping[str, Judge]] = {
    # The engine writes what holds: on cgroup version 1 Docker's default is the host's namespace.
    "cgroupns_mode": _is("", "private", "host"),
    "runtime": lambda name: True,
}


def check_host(host: HostConfig) -> None:
    """Raise Denied for what a new container may not have."""
    _check(host, _JUDGED)


def check_update(config: UpdateConfig) -> None:
    """Raise Denied for limits that a container may not be given."""
    _check(config, _JUDGED)


def check_made(host: HostConfig) -> None:
    """Raise Denied for a container that could not have been made through a scoped socket."""
    _check(host, {**_JUDGED, **_AS_MADE})
    for name in ("network_mode", "ipc_mode", "pid_mode"):
        if getattr(host, name) == "host":
            raise Denied(f"the container's {name.replace('_', ' ')} is host")


def _check(given: Resources, judges: Mapping[str, Judge]) -> None:
    for each in dataclasses.fields(given):
        value = getattr(given, each.name)
        if each.name in _UNJUDGED or value == each.default:
            continue
        judge = judges.get(each.name)
        if judge is None or not judge(value):
            form = form_of(each)
            name = form.name if form else each.name
            raise Denied(f"{name} {_shown(value)} is more than this socket gives")


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "nothing"
    return str(value).lower() if isinstance(value, bool) else str(value)


def check_endpoint(settings: EndpointSettings | None) -> None:
    """Raise Denied for what a container may not say of its place in a network."""
    if settings is not None and (settings.driver_opts or settings.links):
        raise Denied("driver options and links of a network cannot be set through this socket")


def bind_source(text: str) -> str:
    """The host's path of a `-v`, "" where it is a volume's name. Raises Invalid."""
    source, _, _ = split_bind(text)
    return source if source.startswith("/") else ""


def rows() -> frozenset[str]:
    """Names of all fields that have a row."""
    return _UNJUDGED | _JUDGED.keys()
