"""What a container may ask of the host through a scoped socket."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from wherry.api.scoped import limits
from wherry.engine.containers.config import DeviceMapping, HostConfig, LogConfig, UpdateConfig
from wherry.errors import Denied


def test_every_field_has_a_row() -> None:
    """Remedy: a row in `wherry.api.scoped.limits`; refused is what reaches beyond the container."""
    fields = {each.name for each in dataclasses.fields(HostConfig)}
    fields |= {each.name for each in dataclasses.fields(UpdateConfig)}
    assert fields - limits.rows() == set(), "fields without a row"
    assert limits.rows() - fields == set(), "rows without a field"


@pytest.mark.parametrize(
    "change",
    [
        {"privileged": True},
        {"cap_add": ("SYS_ADMIN",)},
        {"cap_add": ("all",)},
        {"devices": (DeviceMapping("/dev/sda", "/dev/sda", "rwm"),)},
        {"device_cgroup_rules": ("b *:* rwm",)},
        {"security_opt": ("seccomp=unconfined",)},
        {"security_opt": ("systempaths=unconfined",)},
        {"security_opt": ("no-new-privileges:false",)},
        {"security_opt": ("seccomp=builtin",)},
        {"security_opt": ("writable-cgroups",)},
        {"userns_mode": "private"},
        {"runtime": "runc"},
        {"masked_paths": ()},
        {"readonly_paths": ("/proc/sys",)},
        {"userns_mode": "host"},
        {"userns_mode": "0:0:65536"},
        {"uts_mode": "host"},
        {"cgroupns_mode": "host"},
        {"cgroup_parent": "/"},
        {"runtime": "/tmp/mine"},
        {"sysctls": {"net.ipv4.ip_forward": "1"}},
        {"oom_score_adj": -1000},
        {"log_config": LogConfig("syslog", {"syslog-address": "tcp://10.0.0.1"})},
        {"volume_driver": "other"},
        {"annotations": {"a": "b"}},
    ],
)
def test_what_reaches_beyond_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Denied, match="more than this socket gives"):
        limits.check_host(dataclasses.replace(HostConfig(), **change))


def test_what_concerns_the_container_alone_passes() -> None:
    limits.check_host(
        HostConfig(
            memory=1 << 30,
            cap_drop=("ALL",),
            cap_add=("NET_BIND_SERVICE", "cap_chown"),
            security_opt=("no-new-privileges", "landlock=ro:/usr"),
            readonly_rootfs=True,
            auto_remove=True,
        )
    )


def test_made_containers_have_the_engines_defaults() -> None:
    limits.check_made(HostConfig(cgroupns_mode="host", runtime="wherry"))
    with pytest.raises(Denied, match="network mode is host"):
        limits.check_made(HostConfig(network_mode="host"))
