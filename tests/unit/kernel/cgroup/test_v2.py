"""Version 2 controllers, each on a directory of plain files."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from wherry.kernel.cgroup import interface
from wherry.kernel.cgroup.v2 import cpu, cpuset, hugetlb, io, memory, pressure, unified


def make(path: Path, *empty: str, **files: str) -> str:
    for name in empty:
        (path / name).write_text("")
    for name, content in files.items():
        (path / name.replace("__", ".")).write_text(content)
    return str(path)


@pytest.mark.parametrize(
    ("shares", "weight"), [(2, 1), (1024, 39), (262144, 10000), (0, 1), (10**7, 10000)]
)
def test_shares_become_weights(shares: int, weight: int) -> None:
    assert cpu.weight(shares) == weight


@pytest.mark.parametrize(
    ("wanted", "content"),
    [
        ({"quota": 50000, "period": 100000}, "50000 100000"),
        ({"quota": 50000}, "50000 100000"),
        ({"quota": -1}, "max 100000"),
        ({"period": 200000}, "7000 200000"),
    ],
)
def test_cpu_max(tmp_path: Path, wanted: dict[str, int], content: str) -> None:
    directory = make(tmp_path, cpu__max="7000 100000\n")
    cpu.apply(directory, {"cpu": wanted})
    assert (tmp_path / "cpu.max").read_text() == content


def test_cpu_statistics_are_nanoseconds(tmp_path: Path) -> None:
    text = "usage_usec 5\nuser_usec 3\nsystem_usec 2\nnr_periods 9\nthrottled_usec 4\n"
    figures = cpu.stats(make(tmp_path, cpu__stat=text))["cpu"]
    assert figures["usage"] == {"total": 5000, "user": 3000, "kernel": 2000, "percpu": []}
    assert figures["throttling"]["throttledTime"] == 4000


def test_cpuset(tmp_path: Path) -> None:
    directory = make(tmp_path, "cpuset.cpus", "cpuset.mems", cpuset__cpus__effective="0-3\n")
    cpuset.apply(directory, {"cpu": {"cpus": "1"}})
    assert (tmp_path / "cpuset.cpus").read_text() == "1"
    assert cpuset.stats(directory) == {"cpuset": {"cpus": "0-3", "mems": ""}}


@pytest.mark.parametrize(
    ("wanted", "limit", "swap"),
    [
        ({"limit": 100}, "100", ""),
        ({"limit": 100, "swap": 300}, "100", "200"),
        ({"limit": 100, "swap": 100}, "100", "0"),
        ({"limit": 100, "swap": -1}, "100", "max"),
        ({"limit": -1}, "max", "max"),
        ({"limit": -1, "swap": -1}, "max", "max"),
    ],
)
def test_memory_and_swap_are_told_apart(
    tmp_path: Path, wanted: dict[str, int], limit: str, swap: str
) -> None:
    directory = make(tmp_path, "memory.max", "memory.swap.max")
    memory.apply(directory, {"memory": wanted})
    assert (tmp_path / "memory.max").read_text() == limit
    assert (tmp_path / "memory.swap.max").read_text() == swap


@pytest.mark.parametrize("wanted", [{"swap": 100}, {"limit": 100, "swap": 50}])
def test_impossible_swap_limits(tmp_path: Path, wanted: dict[str, int]) -> None:
    with pytest.raises(OSError, match="limit") as caught:
        memory.apply(str(tmp_path), {"memory": wanted})
    assert caught.value.errno == errno.EINVAL


def test_memory_statistics(tmp_path: Path) -> None:
    directory = make(
        tmp_path,
        memory__current="10\n",
        memory__max="max\n",
        memory__peak="20\n",
        memory__swap__current="5\n",
        memory__stat="file 7\nanon 3\n",
        memory__events="max 2\noom_kill 1\n",
    )
    figures = memory.stats(directory)["memory"]
    assert figures["usage"] == {
        "usage": 10,
        "max": 20,
        "limit": interface.UNLIMITED,
        "failcnt": 2,
    }
    assert (figures["swap"]["usage"], figures["cache"], figures["oomKills"]) == (15, 7, 1)


def test_io(tmp_path: Path) -> None:
    directory = make(tmp_path, "io.weight", "io.max")
    rate = {"major": 8, "minor": 16, "rate": 0}
    io.apply(directory, {"blockIO": {"weight": 1000, "throttleWriteIOPSDevice": [rate]}})
    assert (tmp_path / "io.weight").read_text() == "default 10000"
    assert (tmp_path / "io.max").read_text() == "8:16 wiops=max"


def test_io_weight_is_bfqs_own_where_that_schedules(tmp_path: Path) -> None:
    directory = make(tmp_path, "io.bfq.weight")
    io.apply(directory, {"blockIO": {"weight": 300}})
    assert (tmp_path / "io.bfq.weight").read_text() == "300"


def test_io_statistics(tmp_path: Path) -> None:
    text = "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n"
    figures = io.stats(make(tmp_path, io__stat=text))["blkio"]
    assert [row["value"] for row in figures["ioServiceBytesRecursive"]] == [1, 2]
    assert [row["op"] for row in figures["ioServicedRecursive"]] == ["Read", "Write"]


def test_hugetlb_reserves_as_well(tmp_path: Path) -> None:
    directory = make(tmp_path, "hugetlb.2MB.max", "hugetlb.2MB.rsvd.max")
    hugetlb.apply(directory, {"hugepageLimits": [{"pageSize": "2MB", "limit": 4}]})
    assert (tmp_path / "hugetlb.2MB.rsvd.max").read_text() == "4"


def test_unified_writes_what_it_is_told(tmp_path: Path) -> None:
    directory = make(tmp_path, "memory.high")
    unified.apply(directory, {"unified": {"memory.high": "1000"}})
    assert (tmp_path / "memory.high").read_text() == "1000\n"


@pytest.mark.parametrize("name", ["../x", "a/b"])
def test_unified_stays_in_its_directory(tmp_path: Path, name: str) -> None:
    resources: dict[str, Any] = {"unified": {name: "1"}}
    with pytest.raises(OSError, match="no path"):
        unified.apply(str(tmp_path), resources)


def test_pressure(tmp_path: Path) -> None:
    text = "some avg10=0.12 avg60=0.00 avg300=0.00 total=345\n"
    figures = pressure.stats(make(tmp_path, cpu__pressure=text))["pressure"]
    assert figures == {"cpu": {"some": {"avg10": 0.12, "avg60": 0.0, "avg300": 0.0, "total": 345}}}
