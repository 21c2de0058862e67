"""The mounts of a container as values."""

from __future__ import annotations

import pytest

from tests.unit.engine.containers.test_store import container
from wherry.engine.containers.config import HostConfig
from wherry.engine.containers.record import MountPoint
from wherry.engine.containers.spec.mounts import merge_options, mounts


def targets(**changes: object) -> list[str]:
    return [mount["destination"] for mount in mounts(container(**changes), {}, {})]


def test_standard_own_and_user_s() -> None:
    found = targets(host_config=HostConfig(tmpfs={"/run": "size=1m"}))
    assert found[:2] == ["/proc", "/dev"]
    assert {"/etc/hosts", "/etc/hostname", "/etc/resolv.conf"} < set(found)
    assert found[-2:] == ["/d", "/run"]


def test_a_user_s_mount_replaces_the_standard_one() -> None:
    points = (MountPoint("bind", "/s", "/dev"), MountPoint("bind", "/h", "/etc/hosts"))
    found = targets(mounts=points)
    assert found.count("/dev") == found.count("/etc/hosts") == 1
    assert not any(target.startswith("/dev/") for target in found)


def test_parents_are_mounted_first() -> None:
    points = (MountPoint("bind", "/s", "/a/b/c"), MountPoint("bind", "/s", "/a"))
    assert targets(mounts=points)[-2:] == ["/a", "/a/b/c"]


def test_ipc_none_has_no_shared_memory() -> None:
    assert "/dev/shm" not in targets(host_config=HostConfig(ipc_mode="none"))


def test_a_privileged_container_may_write_sys() -> None:
    by_target = {
        mount["destination"]: mount["options"]
        for mount in mounts(container(host_config=HostConfig(privileged=True)), {}, {})
    }
    assert "ro" not in by_target["/sys"]
    assert "ro" not in by_target["/sys/fs/cgroup"]


@pytest.mark.parametrize(
    ("options", "privileged", "writable"),
    [
        ((), False, False),
        (("writable-cgroups",), False, True),
        (("writable-cgroups=false",), True, False),
        ((), True, True),
    ],
)
def test_who_may_write_cgroups(options: tuple[str, ...], privileged: bool, writable: bool) -> None:
    host = HostConfig(security_opt=options, privileged=privileged)
    by_target = {
        mount["destination"]: mount["options"]
        for mount in mounts(container(host_config=host), {}, {})
    }
    assert ("ro" not in by_target["/sys/fs/cgroup"]) == writable
    assert ("ro" not in by_target["/sys"]) == privileged


def test_the_last_option_counts() -> None:
    assert merge_options(["noexec", "nosuid", "exec", "size=1m", "size=2m"]) == [
        "nosuid",
        "exec",
        "size=2m",
    ]
