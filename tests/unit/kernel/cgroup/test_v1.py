"""Version 1 controllers, each on a directory of plain files."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from wherry.kernel.cgroup import device_rules, interface
from wherry.kernel.cgroup.v1 import (
    blkio,
    cpu,
    cpuacct,
    cpuset,
    devices,
    hugetlb,
    memory,
    net_cls,
    net_prio,
    pids,
    rdma,
)


class Directory:
    """A cgroup directory made of plain files."""

    def __init__(self, path: Path, **files: str) -> None:
        self.path = path
        for name, content in files.items():
            (path / name.replace("__", ".")).write_text(content)

    def __str__(self) -> str:
        return str(self.path)

    def files(self) -> dict[str, str]:
        return {file.name: file.read_text() for file in self.path.iterdir() if file.read_text()}


def order_of_writes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str | int]]:
    written: list[tuple[str, str | int]] = []
    monkeypatch.setattr(interface, "write", lambda _, name, value: written.append((name, value)))
    return written


def test_cpu(tmp_path: Path) -> None:
    names = ["cpu__shares", "cpu__cfs_period_us", "cpu__cfs_quota_us", "cpu__cfs_burst_us"]
    there = Directory(tmp_path, **dict.fromkeys(names, ""))
    wanted = {"shares": 512, "period": 100000, "quota": 50000, "burst": 10}
    cpu.apply(str(there), {"cpu": wanted})
    assert there.files() == {
        "cpu.shares": "512",
        "cpu.cfs_period_us": "100000",
        "cpu.cfs_quota_us": "50000",
        "cpu.cfs_burst_us": "10",
    }


def test_cpu_quota_goes_first_where_the_new_period_clashes_with_the_old_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written: list[str] = []

    def write(_: str, name: str, value: int) -> None:
        if name == "cpu.cfs_period_us" and "cpu.cfs_quota_us" not in written:
            raise OSError(errno.EINVAL, "quota above period")
        written.append(name)

    monkeypatch.setattr(interface, "write", write)
    cpu.apply("x", {"cpu": {"period": 5000, "quota": 1000}})
    assert written == ["cpu.cfs_quota_us", "cpu.cfs_period_us"]


def test_cpu_statistics(tmp_path: Path) -> None:
    text = "nr_periods 7\nnr_throttled 2\nthrottled_time 1234\n"
    there = Directory(tmp_path, cpu__stat=text)
    assert cpu.stats(str(there)) == {
        "cpu": {"throttling": {"periods": 7, "throttledPeriods": 2, "throttledTime": 1234}}
    }


def test_cpuacct_statistics(tmp_path: Path) -> None:
    there = Directory(
        tmp_path,
        cpuacct__usage="42000",
        cpuacct__stat="user 3\nsystem 4\n",
        cpuacct__usage_percpu="40000 2000 \n",
    )
    assert cpuacct.stats(str(there))["cpu"]["usage"] == {
        "total": 42000,
        "user": 30_000_000,
        "kernel": 40_000_000,
        "percpu": [40000, 2000],
    }


def test_cpuset(tmp_path: Path) -> None:
    there = Directory(tmp_path, cpuset__cpus="", cpuset__mems="")
    cpuset.apply(str(there), {"cpu": {"cpus": "0-1", "mems": "0"}})
    assert cpuset.stats(str(there)) == {"cpuset": {"cpus": "0-1", "mems": "0"}}


def test_cpuset_inherits_through_empty_ancestors(tmp_path: Path) -> None:
    child = tmp_path / "a" / "b"
    child.mkdir(parents=True)
    Directory(tmp_path, cpuset__cpus="0-3\n", cpuset__mems="0\n")
    Directory(tmp_path / "a", cpuset__cpus="\n", cpuset__mems="\n")
    Directory(child, cpuset__cpus="", cpuset__mems="")
    cpuset.inherit(str(child), str(tmp_path))
    assert (child / "cpuset.cpus").read_text() == "0-3"
    assert (tmp_path / "a" / "cpuset.mems").read_text() == "0"


@pytest.mark.parametrize(
    ("standing", "wanted", "order"),
    [
        (2**62, {"limit": 100, "swap": 200}, ["memory.limit", "memory.memsw.limit"]),
        (100, {"limit": 150, "swap": 200}, ["memory.memsw.limit", "memory.limit"]),
        (100, {"limit": -1, "swap": -1}, ["memory.memsw.limit", "memory.limit"]),
        (100, {"limit": -1}, ["memory.memsw.limit", "memory.limit"]),
        (100, {"limit": 50}, ["memory.limit"]),
        (100, {"swap": 70}, ["memory.memsw.limit"]),
    ],
)
def test_memory_limits_are_written_in_an_order_that_the_kernel_takes(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    standing: int,
    wanted: dict[str, int],
    order: list[str],
) -> None:
    there = Directory(tmp_path, memory__memsw__limit_in_bytes=str(standing))
    written = order_of_writes(monkeypatch)
    memory.apply(str(there), {"memory": wanted})
    assert [name for name, _ in written] == [f"{name}_in_bytes" for name in order]


def test_memory_settings(tmp_path: Path) -> None:
    names = ("memory__soft_limit_in_bytes", "memory__oom_control", "memory__swappiness")
    there = Directory(tmp_path, **dict.fromkeys(names, ""))
    wanted = {"reservation": 5, "disableOOMKiller": True, "swappiness": 0, "kernel": 9}
    memory.apply(str(there), {"memory": wanted})
    assert there.files() == {
        "memory.soft_limit_in_bytes": "5",
        "memory.oom_control": "1",
        "memory.swappiness": "0",
    }


def test_memory_limit_below_the_usage_says_by_how_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = Directory(tmp_path, memory__usage_in_bytes="900\n", memory__max_usage_in_bytes="1000\n")

    def refuse(*_: object) -> None:
        raise OSError(errno.EBUSY, "busy")

    monkeypatch.setattr(interface, "write", refuse)
    with pytest.raises(OSError, match=r"limit to 100 \(current usage: 900, peak usage: 1000\)"):
        memory.apply(str(there), {"memory": {"limit": 100}})


def test_memory_statistics(tmp_path: Path) -> None:
    there = Directory(
        tmp_path,
        memory__stat="cache 12\nrss 30\n",
        memory__usage_in_bytes="42\n",
        memory__limit_in_bytes="1000\n",
        memory__oom_control="oom_kill_disable 0\nunder_oom 0\noom_kill 3\n",
    )
    figures = memory.stats(str(there))["memory"]
    assert figures["usage"] == {"usage": 42, "max": 0, "limit": 1000, "failcnt": 0}
    assert (figures["cache"], figures["raw"]["rss"], figures["oomKills"]) == (12, 30, 3)


@pytest.mark.parametrize(("limit", "content"), [(5, "5"), (-1, "max"), (0, "")])
def test_pids(tmp_path: Path, limit: int, content: str) -> None:
    there = Directory(tmp_path, pids__max="")
    pids.apply(str(there), {"pids": {"limit": limit}})
    assert (tmp_path / "pids.max").read_text() == content


def test_pids_statistics(tmp_path: Path) -> None:
    there = Directory(tmp_path, pids__max="max\n", pids__current="4\n")
    assert pids.stats(str(there)) == {"pids": {"current": 4, "limit": 0}}


def test_blkio(tmp_path: Path) -> None:
    names = ("blkio__bfq__weight", "blkio__throttle__read_bps_device")
    there = Directory(tmp_path, **dict.fromkeys(names, ""))
    rate = {"major": 8, "minor": 0, "rate": 1048576}
    blkio.apply(str(there), {"blockIO": {"weight": 300, "throttleReadBpsDevice": [rate]}})
    assert there.files() == {
        "blkio.bfq.weight": "300",
        "blkio.throttle.read_bps_device": "8:0 1048576",
    }


def test_blkio_statistics_prefer_bfq(tmp_path: Path) -> None:
    there = Directory(
        tmp_path,
        blkio__throttle__io_service_bytes_recursive="8:0 Read 1\nTotal 1\n",
        blkio__bfq__io_service_bytes_recursive="8:0 Read 10\n8:0 Write 20\nTotal 30\n",
        blkio__throttle__io_serviced_recursive="8:0 Read 2\nTotal 2\n",
    )
    figures = blkio.stats(str(there))["blkio"]
    assert figures["ioServiceBytesRecursive"] == [
        {"major": 8, "minor": 0, "op": "Read", "value": 10},
        {"major": 8, "minor": 0, "op": "Write", "value": 20},
    ]
    assert figures["ioServicedRecursive"] == [{"major": 8, "minor": 0, "op": "Read", "value": 2}]


def test_devices_are_written_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(
        interface, "write_lines", lambda _, name, lines: written.append((name, lines))
    )
    rules: list[dict[str, Any]] = [
        device_rules.DENY_ALL,
        {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "rwm"},
        {"allow": True, "type": "c", "major": 136, "access": "rw"},
        {"allow": False, "type": "b", "access": "m"},
    ]
    devices.apply("x", {"devices": rules})
    assert written == [
        ("devices.deny", ["a *:* rwm"]),
        ("devices.allow", ["c 1:3 rwm", "c 136:* rw"]),
        ("devices.deny", ["b *:* m"]),
    ]


def test_the_small_ones(tmp_path: Path) -> None:
    names = (
        "hugetlb__2MB__limit_in_bytes",
        "net_cls__classid",
        "net_prio__ifpriomap",
        "rdma__max",
    )
    there = Directory(tmp_path, **dict.fromkeys(names, ""))
    resources = {
        "hugepageLimits": [{"pageSize": "2MB", "limit": 4194304}],
        "network": {"classID": 7, "priorities": [{"name": "eth0", "priority": 5}]},
        "rdma": {"mlx5_1": {"hcaHandles": 3, "hcaObjects": 0}},
    }
    for controller in (hugetlb, net_cls, net_prio, rdma):
        controller.apply(str(there), resources)
    assert there.files() == {
        "hugetlb.2MB.limit_in_bytes": "4194304",
        "net_cls.classid": "7",
        "net_prio.ifpriomap": "eth0 5",
        "rdma.max": "mlx5_1 hca_handle=3 hca_object=0",
    }


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        pids.apply(str(tmp_path), {"pids": {"limit": 5}})
    assert caught.value.filename == f"{tmp_path}/pids.max"
