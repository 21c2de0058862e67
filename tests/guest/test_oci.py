"""wherry-oci on version 2: a bundle's limits, its view, its figures."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.oci_runtime.runtimes import Runtime, wait_until, why_not

MIB = 2**20


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    if reason := why_not("wherry-oci"):
        pytest.skip(reason)
    directory = Path(tempfile.mkdtemp(prefix="oci-", dir="/tmp"))
    made = Runtime("wherry-oci", directory)
    made.bundle.linux["resources"] = {
        "devices": [{"allow": False, "access": "rwm"}],
        "memory": {"limit": 32 * MIB, "swap": 32 * MIB},
        "pids": {"limit": 30},
        "cpu": {"shares": 1024, "quota": 20_000, "period": 100_000},
    }
    yield made
    made.call("delete", "--force", made.id)
    assert made.left_behind() == []
    shutil.rmtree(directory)


def test_run_with_limits(runtime: Runtime) -> None:
    output = runtime.run(
        "cat /proc/self/cgroup; cd /sys/fs/cgroup; cat memory.max memory.swap.max pids.max cpu.max"
    )
    assert output.split("\n")[:5] == ["0::/", str(32 * MIB), "0", "30", "20000 100000"]


def test_forbidden_devices(runtime: Runtime) -> None:
    disk = os.stat("/").st_dev
    node = f"mknod /tmp/disk b {os.major(disk)} {os.minor(disk)}"
    script = f"{node}; head -c1 /tmp/disk 2>&1; head -c2 /dev/zero | wc -c"
    runtime.bundle.spec["root"]["readonly"] = False
    lines = runtime.run(script).splitlines()
    assert "not permitted" in lines[0]
    assert lines[1] == "2"


def test_a_relative_path_has_working_limits(runtime: Runtime) -> None:
    runtime.bundle.linux["cgroupsPath"] = runtime.id
    runtime.bundle.shell("cat /sys/fs/cgroup/memory.max; sleep 60")
    runtime.bundle.write()
    runtime.ok("run", "--detach", "--bundle", str(runtime.bundle.path), runtime.id)
    beside = Path(f"/sys/fs/cgroup/session.slice/{runtime.id}")
    assert (beside / "memory.max").read_text() == f"{32 * MIB}\n"
    runtime.ok("delete", "--force", runtime.id)
    assert not beside.exists()


def test_figures_update_and_pause(runtime: Runtime) -> None:
    runtime.start("sleep 100")
    data = json.loads(runtime.ok("events", "--stats", runtime.id))["data"]
    assert data["memory"]["usage"]["limit"] == 32 * MIB
    assert data["pids"]["limit"] == 30
    runtime.ok("update", "--memory", "64m", "--memory-swap", "64m", runtime.id)
    runtime.ok("update", "--pids-limit", "12", runtime.id)
    directory = Path(runtime.cgroup().v2)
    assert (directory / "memory.max").read_text() == f"{64 * MIB}\n"
    assert (directory / "pids.max").read_text() == "12\n"
    runtime.ok("pause", runtime.id)
    assert runtime.status() == "paused"
    runtime.ok("resume", runtime.id)
    assert runtime.exec("cat", "/proc/self/cgroup").startswith("0::/")
    runtime.ok("kill", runtime.id, "KILL")
    wait_until(lambda: runtime.status() == "stopped", "the end")


def test_out_of_memory_is_told(runtime: Runtime) -> None:
    runtime.start("sleep 100")
    runtime.call("exec", runtime.id, "sh", "-c", "dd if=/dev/zero of=/dev/null bs=64M")
    assert runtime.cgroup().oom_kills() >= 1
