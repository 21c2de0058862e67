"""The whole engine on version 2, through its own command line and API."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.guest.cgroups import wait_until
from tests.guest.engines import Guest, started

MIB = 2**20

# The guest loads no modules for bridges and firewall: it is here for its cgroups.
RUN = ("run", "--network", "none")


@pytest.fixture(scope="module")
def engine() -> Iterator[Guest]:
    with started() as made:
        yield made


def test_info_names_the_version(engine: Guest) -> None:
    assert engine.say("info", "--format", "{{.CgroupVersion}} {{.CgroupDriver}}") == "2 cgroupfs"
    with engine.connect() as connection:
        info = connection.request("GET", "/info").json()
    for key in ("MemoryLimit", "SwapLimit", "PidsLimit", "CpuCfsQuota", "CPUShares", "CPUSet"):
        assert info[key] is True, key
    assert info["OomKillDisable"] is False


def test_limits_of_run_are_in_force_and_seen_inside(engine: Guest) -> None:
    script = (
        "cat /proc/self/cgroup; cd /sys/fs/cgroup;"
        " cat memory.max memory.swap.max memory.low pids.max cpu.max cpu.weight cpuset.cpus"
    )
    flags = (
        "-m", "32m", "--memory-reservation", "16m", "--pids-limit", "20", "--cpus", "0.5",
        "--cpu-shares", "512", "--cpuset-cpus", "1",
    )  # fmt: skip
    lines = engine.say(*RUN, "--rm", *flags, "busybox", "sh", "-c", script).splitlines()
    assert lines == [
        "0::/", str(32 * MIB), str(32 * MIB), str(16 * MIB), "20", "50000 100000", "20", "1",
    ]  # fmt: skip


def test_too_many_processes(engine: Guest) -> None:
    script = "for i in 1 2 3 4 5 6; do sleep 9 & done"
    said = engine.say(*RUN, "--rm", "--pids-limit", "4", "busybox", "sh", "-c", script, status=2)
    assert "can't fork" in said


def test_the_host_s_cgroup_namespace(engine: Guest) -> None:
    inside = engine.say(*RUN, "--rm", "--cgroupns", "host", "busybox", "cat", "/proc/self/cgroup")
    assert inside.startswith(f"0::{engine.cgroup_parent}/")


def test_a_privileged_container_rules_over_its_own_cgroup(engine: Guest) -> None:
    script = (
        "cat /proc/self/cgroup; cd /sys/fs/cgroup; mkdir init; echo 1 >init/cgroup.procs;"
        " echo +pids +memory >cgroup.subtree_control; mkdir sub; cat sub/pids.max"
    )
    lines = engine.say(*RUN, "--rm", "--privileged", "busybox", "sh", "-c", script).splitlines()
    assert lines == ["0::/", "max"]


def test_out_of_memory_is_shown(engine: Guest) -> None:
    engine.say(*RUN, "--name", "eater", "-m", "16m", "busybox", "tail", "/dev/zero", status=137)
    state = engine.inspect("eater")["State"]
    assert (state["OOMKilled"], state["ExitCode"]) == (True, 137)
    engine.say("rm", "eater")


def test_devices(engine: Guest) -> None:
    disk = os.stat("/").st_dev
    major = os.major(disk)
    script = f"mknod /disk b {major} {os.minor(disk)}; head -c1 /disk"
    assert "not permitted" in engine.say(*RUN, "--rm", "busybox", "sh", "-c", script, status=1)
    allowed = ("--device-cgroup-rule", f"b {major}:* r")
    engine.say(*RUN, "--rm", *allowed, "busybox", "sh", "-c", f"{script} >/dev/null")
    engine.say(*RUN, "--rm", "--privileged", "busybox", "sh", "-c", f"{script} >/dev/null")


def test_life_of_a_container(engine: Guest) -> None:
    engine.say(*RUN, "-d", "--name", "life", "-m", "32m", "busybox", "sleep", "1000")
    directory = engine.cgroup("life")
    pid = engine.inspect("life")["State"]["Pid"]
    assert (directory / "cgroup.procs").read_text().split() == [str(pid)]

    assert engine.say("exec", "life", "cat", "/sys/fs/cgroup/memory.max") == str(32 * MIB)
    with engine.connect() as connection:
        sample = connection.request("GET", "/containers/life/stats?stream=0&one-shot=1").json()
        assert sample["memory_stats"]["limit"] == 32 * MIB
        assert sample["memory_stats"]["usage"] > 0
        assert sample["pids_stats"]["current"] == 1

        engine.say("pause", "life")
        assert "frozen 1" in (directory / "cgroup.events").read_text()
        assert engine.inspect("life")["State"]["Status"] == "paused"
        engine.say("unpause", "life")
        assert "frozen 0" in (directory / "cgroup.events").read_text()

        wanted = {"Memory": 64 * MIB, "MemorySwap": 96 * MIB, "PidsLimit": 9, "CpuShares": 1024}
        answer = connection.request("POST", "/containers/life/update", wanted)
        assert answer.status == 200, answer
    limits = [
        (directory / name).read_text().strip()
        for name in ("memory.max", "memory.swap.max", "pids.max", "cpu.weight")
    ]
    assert limits == [str(64 * MIB), str(32 * MIB), "9", "39"]
    engine.say("rm", "-f", "life")
    wait_until(lambda: not directory.exists(), "the cgroup's end")
