"""Cgroups of the real kernel, in whatever layout this machine has."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from wherry.kernel.cgroup import device_rules, hierarchy
from wherry.kernel.cgroup.cgroup import Cgroup

TREES = hierarchy.detect()
pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="cgroups need root"),
    pytest.mark.skipif(TREES.mode == "none", reason="no cgroups are mounted"),
]
RESOURCES: dict[str, Any] = {
    "devices": [device_rules.DENY_ALL, *device_rules.STANDARD_RULES],
    "memory": {"limit": 64 << 20, "swap": 64 << 20, "reservation": 32 << 20},
    "cpu": {"shares": 512, "quota": 50000, "period": 100000, "cpus": "0"},
    "pids": {"limit": 20},
}


@pytest.fixture
def parent() -> Iterator[str]:
    path = f"/wherry-test-{uuid.uuid4().hex[:8]}"
    yield path
    Cgroup.locate(TREES, path).remove()
    assert not any(os.path.exists(tree.directory(path)) for tree in TREES.v1)


def enter(cgroup: Cgroup) -> None:
    """As a container's child does it: by itself, through `task_files`."""
    for file in cgroup.task_files():
        fd = os.open(file, os.O_WRONLY)
        os.write(fd, b"0")
        os.close(fd)


def start(cgroup: Cgroup, *command: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, preexec_fn=lambda: enter(cgroup))


def test_limits_reach_the_kernel(parent: str) -> None:
    cgroup = Cgroup.create(TREES, f"{parent}/a", RESOURCES)
    figures = cgroup.stats()
    assert figures["memory"]["usage"]["limit"] == 64 << 20
    assert figures["pids"]["limit"] == 20
    assert figures["cpuset"]["cpus"] == "0"


def test_members_statistics_and_end(parent: str) -> None:
    cgroup = Cgroup.create(TREES, f"{parent}/a", RESOURCES)
    process = start(cgroup, "sh", "-c", "i=0; while [ $i -lt 9999 ]; do i=$((i+1)); done; sleep 60")
    assert cgroup.pids() == [process.pid]
    deadline = time.monotonic() + 20
    while cgroup.stats()["cpu"]["usage"]["total"] == 0 and time.monotonic() < deadline:
        time.sleep(0.01)
    figures = cgroup.stats()
    assert figures["cpu"]["usage"]["total"] > 0
    assert figures["pids"]["current"] >= 1
    cgroup.kill()
    assert process.wait() == -signal.SIGKILL
    cgroup.remove()
    assert not cgroup.exists()


def test_a_frozen_cgroup_stands_still_and_can_be_killed(parent: str) -> None:
    cgroup = Cgroup.create(TREES, f"{parent}/a", {})
    process = start(cgroup, "sleep", "60")
    cgroup.freeze()
    assert cgroup.frozen()
    os.kill(process.pid, signal.SIGTERM)
    if cgroup.v1:  # version 2 lets a fatal signal through (cgroup-v2.rst, "cgroup.freeze")
        time.sleep(0.05)
        assert process.poll() is None
    cgroup.thaw()
    assert process.wait() == -signal.SIGTERM
    other = start(cgroup, "sleep", "60")
    cgroup.freeze()
    cgroup.kill()
    assert other.wait() == -signal.SIGKILL


def test_update_changes_only_what_it_names(parent: str) -> None:
    cgroup = Cgroup.create(TREES, f"{parent}/a", RESOURCES)
    cgroup.update({"pids": {"limit": 30}, "memory": {"limit": 128 << 20, "swap": -1}})
    figures = cgroup.stats()
    assert figures["pids"]["limit"] == 30
    assert figures["memory"]["usage"]["limit"] == 128 << 20
    cgroup.update({"memory": {"limit": 16 << 20, "swap": 16 << 20}})
    assert cgroup.stats()["memory"]["usage"]["limit"] == 16 << 20


def test_the_number_of_tasks_is_bounded(parent: str) -> None:
    cgroup = Cgroup.create(TREES, f"{parent}/a", {"pids": {"limit": 3}})
    process = start(cgroup, "sh", "-c", "for i in 1 2 3 4 5; do sleep 5 & done; wait")
    time.sleep(0.3)
    assert len(cgroup.pids()) <= 3
    cgroup.kill()
    process.wait()


def test_oom_kills_are_counted(parent: str) -> None:
    cgroup = Cgroup.create(TREES, f"{parent}/a", {"memory": {"limit": 8 << 20, "swap": 8 << 20}})
    process = start(cgroup, "sh", "-c", "tail /dev/zero")
    assert process.wait() in (137, -signal.SIGKILL)
    assert cgroup.oom_kills() >= 1


def test_refused_value_leaves_nothing_behind(parent: str) -> None:
    with pytest.raises(OSError, match=r"cpuset\.cpus") as caught:
        Cgroup.create(TREES, f"{parent}/a", {"cpu": {"cpus": "900"}})
    assert "'900'" in str(caught.value)
    assert not Cgroup.locate(TREES, f"{parent}/a").exists()


def test_an_exec_has_a_cgroup_of_its_own(parent: str) -> None:
    cgroup = Cgroup.create(TREES, f"{parent}/a", RESOURCES)
    child = cgroup.child("exec-1")
    main, other = start(cgroup, "sleep", "60"), start(child, "sleep", "60")
    assert child.pids() == [other.pid]
    assert cgroup.pids() == sorted([main.pid, other.pid])
    child.kill()
    assert other.wait() == -signal.SIGKILL
    assert main.poll() is None
    child_directory = child.v1.get("freezer") or child.v2
    cgroup.remove()
    assert not os.path.exists(child_directory)
    assert main.wait() == -signal.SIGKILL


def test_removal_kills_and_repeats(parent: str) -> None:
    cgroup = Cgroup.create(TREES, f"{parent}/a", {})
    process = start(cgroup, "sleep", "60")
    cgroup.remove()
    assert process.wait() == -signal.SIGKILL
    cgroup.remove()


def test_devices(parent: str) -> None:
    cgroup = Cgroup.create(TREES, f"{parent}/a", RESOURCES)
    for device, status in [("/dev/zero", 0), ("/dev/kmsg", 1)]:
        process = start(cgroup, "dd", f"if={device}", "of=/dev/null", "count=0", "status=none")
        assert process.wait() == status, device


def test_a_parent_without_inheritance_is_filled(parent: str) -> None:
    tree = TREES.tree("cpuset")
    if tree is None:
        pytest.skip("no version 1 cpuset")
    os.mkdir(tree.directory(parent))
    cgroup = Cgroup.create(TREES, f"{parent}/a", {})
    assert Path(cgroup.v1["cpuset"], "cpuset.cpus").read_text().strip()
    process = start(cgroup, "true")
    assert process.wait() == 0


def test_clone_into_the_unified_tree(parent: str) -> None:
    cgroup = Cgroup.create(TREES, f"{parent}/a", {})
    fd = cgroup.open_v2()
    if fd < 0:
        pytest.skip("no version 2 tree")
    assert os.readlink(f"/proc/self/fd/{fd}") == cgroup.v2
    os.close(fd)
