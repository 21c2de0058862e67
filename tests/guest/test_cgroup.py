"""The Cgroup class on a real version 2 hierarchy: limits written, and in force."""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.guest.cgroups import make, shell, start, text, wait_until
from wherry.kernel import process
from wherry.kernel.cgroup import device_rules
from wherry.kernel.cgroup.cgroup import Cgroup
from wherry.kernel.cgroup.hierarchy import detect

MIB = 2**20
BUSY = "while :; do :; done"


@pytest.fixture
def limited() -> Iterator[Any]:
    """Makes cgroups, and ends and removes them after the test."""
    made: list[Cgroup] = []

    def limit(resources: dict[str, Any] | None = None) -> Cgroup:
        made.append(make(resources))
        return made[-1]

    yield limit
    for cgroup in made:
        cgroup.remove()
        assert not os.path.exists(cgroup.v2)


def test_only_version_2_is_there() -> None:
    trees = detect()
    assert trees.mode == "v2"
    assert trees.v2 is not None
    assert trees.v2.mountpoint == "/sys/fs/cgroup"
    assert trees.v2.own == "/session.slice/tests.scope"


def test_every_controller_is_handed_down(limited: Any) -> None:
    cgroup = limited()
    assert {"cpu", "cpuset", "io", "memory", "pids", "hugetlb"} <= set(
        text(cgroup, "cgroup.controllers").split()
    )


def test_memory_limit_is_in_force_and_its_kills_are_counted(limited: Any) -> None:
    cgroup = limited({"memory": {"limit": 16 * MIB, "swap": 16 * MIB, "reservation": 8 * MIB}})
    assert text(cgroup, "memory.max") == str(16 * MIB)
    assert text(cgroup, "memory.swap.max") == "0"
    assert text(cgroup, "memory.low") == str(8 * MIB)
    assert cgroup.oom_kills() == 0
    eater = start(cgroup, "tail", "/dev/zero")
    assert eater.wait(60) == -signal.SIGKILL
    assert cgroup.oom_kills() == 1
    figures = cgroup.stats()["memory"]
    assert figures["oomKills"] == 1
    assert figures["usage"]["limit"] == 16 * MIB
    assert figures["usage"]["failcnt"] > 0
    assert figures["raw"]["anon"] >= 0


def test_memory_limits_can_be_raised_lowered_and_lifted(limited: Any) -> None:
    cgroup = limited({"memory": {"limit": 16 * MIB, "swap": 32 * MIB}})
    assert text(cgroup, "memory.swap.max") == str(16 * MIB)
    cgroup.update({"memory": {"limit": 64 * MIB, "swap": 96 * MIB}})
    assert text(cgroup, "memory.max") == str(64 * MIB)
    assert text(cgroup, "memory.swap.max") == str(32 * MIB)
    cgroup.update({"memory": {"limit": 8 * MIB, "swap": 8 * MIB}})
    assert (text(cgroup, "memory.max"), text(cgroup, "memory.swap.max")) == (str(8 * MIB), "0")
    cgroup.update({"memory": {"limit": -1}})
    assert (text(cgroup, "memory.max"), text(cgroup, "memory.swap.max")) == ("max", "max")


def test_the_number_of_tasks_is_bounded(limited: Any) -> None:
    cgroup = limited({"pids": {"limit": 3}})
    done = shell(cgroup, "for i in 1 2 3 4 5; do sleep 60 >/dev/null 2>&1 & done; wait")
    assert done.returncode != 0
    assert "can't fork" in done.stdout
    assert cgroup.stats()["pids"]["limit"] == 3
    cgroup.update({"pids": {"limit": -1}})
    assert text(cgroup, "pids.max") == "max"


def test_cpu_quota_throttles(limited: Any) -> None:
    cgroup = limited({"cpu": {"quota": 10_000, "period": 100_000, "shares": 512}})
    assert text(cgroup, "cpu.max") == "10000 100000"
    assert text(cgroup, "cpu.weight") == "20"
    spinner = start(cgroup, "sh", "-c", BUSY)
    wait_until(
        lambda: cgroup.stats()["cpu"]["throttling"]["throttledPeriods"] >= 3, "throttled periods"
    )
    spinner.kill()
    spinner.wait(60)
    figures = cgroup.stats()["cpu"]
    assert figures["throttling"]["throttledTime"] > 0
    usage = figures["usage"]
    assert 0 < usage["user"] <= usage["total"]
    cgroup.update({"cpu": {"quota": -1}})
    assert text(cgroup, "cpu.max") == "max 100000"


def test_processors_are_confined(limited: Any) -> None:
    cgroup = limited({"cpu": {"cpus": "1", "mems": "0"}})
    allowed = shell(cgroup, "grep Cpus_allowed_list /proc/self/status").stdout.split()[1]
    assert allowed == "1"
    assert cgroup.stats()["cpuset"] == {"cpus": "1", "mems": "0"}


def test_disk_writes_are_bounded_and_counted(limited: Any, tmp_path: Path) -> None:
    device = os.stat("/").st_dev
    row = {"major": os.major(device), "minor": os.minor(device)}
    limit = [{**row, "rate": 2 * MIB}]
    cgroup = limited({"blockIO": {"throttleWriteBpsDevice": limit}})
    assert f"wbps={2 * MIB}" in text(cgroup, "io.max")
    begun = time.monotonic()
    file = tmp_path / "data"
    shell(cgroup, f"dd if=/dev/zero of={file} bs=1M count=3 oflag=direct")
    assert time.monotonic() - begun > 0.5  # three MiB at two a second
    rows = cgroup.stats()["blkio"]["ioServiceBytesRecursive"]
    written = [r["value"] for r in rows if (r["op"], r["major"]) == ("Write", row["major"])]
    assert sum(written) >= 3 * MIB


def test_the_io_weight_of_docker_is_accepted(limited: Any) -> None:
    cgroup = limited({"blockIO": {"weight": 500}})
    name = "io.bfq.weight" if os.path.exists(f"{cgroup.v2}/io.bfq.weight") else "io.weight"
    assert text(cgroup, name) in ("default 500", "default 4950")


def test_huge_pages_are_bounded(limited: Any) -> None:
    cgroup = limited({"hugepageLimits": [{"pageSize": "2MB", "limit": 4 * MIB}]})
    assert text(cgroup, "hugetlb.2MB.max") == str(4 * MIB)
    assert text(cgroup, "hugetlb.2MB.rsvd.max") == str(4 * MIB)


def test_unified_settings_are_written(limited: Any) -> None:
    cgroup = limited({"unified": {"memory.high": str(32 * MIB), "cpu.weight": "77"}})
    assert text(cgroup, "memory.high") == str(32 * MIB)
    assert text(cgroup, "cpu.weight") == "77"


def test_a_frozen_cgroup_stands_still(limited: Any) -> None:
    cgroup = limited()
    spinner = start(cgroup, "sh", "-c", BUSY)
    wait_until(lambda: cgroup.stats()["cpu"]["usage"]["total"] > 0, "some work")
    cgroup.freeze()
    assert cgroup.frozen()
    time.sleep(0.3)  # frozen is who is on the way to the scheduler, and that way counts
    before = cgroup.stats()["cpu"]["usage"]["total"]
    time.sleep(0.3)
    assert cgroup.stats()["cpu"]["usage"]["total"] == before
    cgroup.thaw()
    assert not cgroup.frozen()
    wait_until(lambda: cgroup.stats()["cpu"]["usage"]["total"] > before, "more work")
    cgroup.kill()
    assert spinner.wait(60) == -signal.SIGKILL


def test_kill_reaches_the_frozen_and_those_below(limited: Any) -> None:
    cgroup = limited()
    family = [start(place, "sh", "-c", "sleep 60 & wait") for place in (cgroup, cgroup.child("e"))]
    wait_until(lambda: len(cgroup.pids()) == 4, "four processes")
    cgroup.freeze()
    cgroup.kill()
    assert [member.wait(60) for member in family] == [-signal.SIGKILL] * 2
    wait_until(lambda: not cgroup.pids(), "the grandchildren's end")


def test_forbidden_devices_are_refused(limited: Any) -> None:
    rules = [device_rules.DENY_ALL, *device_rules.STANDARD_RULES]
    cgroup = limited({"devices": rules})
    assert shell(cgroup, "head -c1 /dev/zero >/dev/null").returncode == 0
    assert "not permitted" in shell(cgroup, "cat /dev/kmsg").stdout
    assert "not permitted" in shell(cgroup, "head -c1 /dev/vda").stdout
    disk = {"allow": True, "type": "b", "access": "r"}
    cgroup.update({"devices": [*rules, disk]})
    assert shell(cgroup, "head -c1 /dev/vda >/dev/null").returncode == 0
    assert "not permitted" in shell(cgroup, "true >>/dev/vda").stdout


def test_the_child_is_born_inside(limited: Any) -> None:
    cgroup = limited()
    directory = cgroup.open_v2()
    reading, writing = os.pipe()
    pid, pidfd = process.clone3(0, cgroup_fd=directory)
    if pid == 0:
        try:
            os.write(writing, Path("/proc/self/cgroup").read_bytes())
        finally:
            os._exit(0)
    os.close(directory)
    assert process.wait_pidfd(pidfd) == 0
    assert os.read(reading, 4096).decode().strip() == f"0::{cgroup.v2[len('/sys/fs/cgroup') :]}"
    for fd in (reading, writing, pidfd):
        os.close(fd)


def test_a_relative_path_is_beside_our_own_cgroup_where_limits_work() -> None:
    """Below our own it could have none: a cgroup with processes hands no controller down."""
    cgroup = Cgroup.create(detect(), "beside", {"memory": {"limit": 32 * MIB}})
    assert cgroup.v2 == "/sys/fs/cgroup/session.slice/beside"
    assert text(cgroup, "memory.max") == str(32 * MIB)
    cgroup.remove()


def test_a_limit_that_cannot_be_there_is_explained() -> None:
    path = "/session.slice/tests.scope/inner"
    with pytest.raises(FileNotFoundError, match=r"no memory\.max here.*not handed down"):
        Cgroup.create(detect(), path, {"memory": {"limit": 32 * MIB}})
    assert not Cgroup.locate(detect(), path).exists()


def test_a_refused_limit_leaves_nothing_behind() -> None:
    place = Cgroup.locate(detect(), "/check/refused")
    with pytest.raises(OSError, match=r"cpuset\.cpus") as caught:
        Cgroup.create(detect(), "/check/refused", {"cpu": {"cpus": "900"}})
    assert caught.value.errno in (errno.EINVAL, errno.ERANGE, errno.ENOSPC, errno.EACCES)
    assert not place.exists()


def test_pressure_is_reported(limited: Any) -> None:
    figures = limited().stats()["pressure"]
    assert {"cpu", "memory", "io"} <= set(figures)
    assert figures["memory"]["full"]["total"] >= 0
