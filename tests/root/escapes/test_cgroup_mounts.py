"""CVE-2022-0492 and its kin: a cgroup hierarchy that a container may write is a program as root."""

from __future__ import annotations

import pytest

from tests.engines import Engine
from tests.root.escapes import attempt
from tests.root.runtime.driver import Driver, spec

_FILES = (
    "$(find /sys/fs/cgroup/ -maxdepth 3 -name release_agent -o -name notify_on_release"
    " -o -name cgroup.procs -o -name tasks -o -name devices.allow -o -name cgroup.subtree_control)"
)
_MOUNT = "mkdir /c; for k in 'cgroup -o rdma' 'cgroup -o memory' 'cgroup -o devices' cgroup2; do "
_MOUNT += "mount -t $k none /c && echo MOUNTED; done; "


@pytest.mark.parametrize("namespace", ["private", "host"])
def test_no_control_file_opens_for_writing(wherry: Engine, namespace: str) -> None:
    output = attempt.run(wherry, attempt.opened([_FILES]), "--cgroupns", namespace)
    assert output.split() == ["done"]


def test_no_hierarchy_can_be_mounted(wherry: Engine) -> None:
    output = attempt.run(wherry, _MOUNT + "echo done")
    assert "MOUNTED" not in output and "done" in output


def test_nor_in_a_user_namespace_made_inside(wherry: Engine) -> None:
    """CVE-2022-0492: the rights for the mount came from a namespace that anyone could make."""
    script = "mkdir /c; mount -t cgroup -o rdma none /c && echo MOUNTED"
    output = attempt.run(wherry, f"unshare -Urm sh -c '{script}'; echo done")
    assert "MOUNTED" not in output and "done" in output
    assert "not permitted" in output


def test_read_only_cannot_be_lifted(wherry: Engine) -> None:
    script = (
        "for m in $(grep ' /sys/fs/cgroup' /proc/self/mounts | cut -d' ' -f2); do"
        " mount -o remount,rw,bind $m 2>/dev/null && echo LIFTED; done; echo done"
    )
    assert attempt.run(wherry, script).split() == ["done"]


def test_in_a_writable_mount_it_would_open(driver: Driver) -> None:
    """Shows that the attempt is one: a cgroup mount without "ro"."""
    files = "$(find /sys/fs/cgroup/ -maxdepth 3 -name cgroup.procs)"
    assert driver.run(spec("sh", "-c", attempt.opened([files]))).output.split() == ["done"]
    weakened = spec("sh", "-c", attempt.opened([files]))
    weakened["mounts"][-1]["options"].remove("ro")
    assert "OPEN" in driver.run(weakened).output
