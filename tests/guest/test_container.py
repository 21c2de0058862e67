"""Containers of the built-in runtime, through keeper and launcher, on version 2."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.runtime.harness import Place, builtin, output, place
from wherry.engine.containers.builtin import BuiltinRuntime
from wherry.engine.containers.runtime import STDOUT, Bundle, ExecProcess, Runtime

MIB = 2**20
LIMITS = {
    "memory": {"limit": 32 * MIB, "swap": 32 * MIB},
    "pids": {"limit": 40},
    "cpu": {"quota": 50_000, "period": 100_000, "cpus": "0-1"},
}


@pytest.fixture
async def where() -> AsyncIterator[Place]:
    async with place() as made:
        yield made


@pytest.fixture
async def runtime(where: Place) -> AsyncIterator[BuiltinRuntime]:
    async with builtin(where) as made:
        yield made


def shell(script: str) -> dict[str, Any]:
    return {"args": ["sh", "-c", script], "env": ["PATH=/usr/bin:/bin"], "cwd": "/"}


def directory(bundle: Bundle) -> Path:
    return Path(f"/sys/fs/cgroup{bundle.spec['linux']['cgroupsPath']}")


async def said(runtime: Runtime, bundle: Bundle) -> list[str]:
    """What a container prints from start to end, as lines."""
    running = await runtime.start(uuid.uuid4().hex, bundle)
    text = (await output(running))[STDOUT].decode()
    await running.exited
    return text.splitlines()


async def test_a_container_sees_its_own_cgroup_as_the_root(
    where: Place, runtime: BuiltinRuntime
) -> None:
    script = (
        "cat /proc/self/cgroup; cd /sys/fs/cgroup; cat memory.max memory.swap.max pids.max cpu.max;"
        " cat cgroup.procs | head -n 1; grep ' /sys/fs/cgroup ' /proc/mounts;"
        " mkdir x 2>&1 || echo refused"
    )
    lines = await said(runtime, where.bundle("sh", "-c", script, resources=LIMITS))
    assert lines[:6] == ["0::/", str(32 * MIB), "0", "40", "50000 100000", "1"]
    assert lines[6].startswith("cgroup /sys/fs/cgroup cgroup2 ro,nosuid,nodev,noexec")
    assert lines[-1] == "refused"


async def test_the_host_s_cgroup_namespace_shows_the_container_s_part(
    where: Place, runtime: BuiltinRuntime
) -> None:
    bundle = where.bundle(
        "sh", "-c", "cat /proc/self/cgroup; cat /sys/fs/cgroup/pids.max", resources=LIMITS
    )
    linux = bundle.spec["linux"]
    linux["namespaces"] = [row for row in linux["namespaces"] if row["type"] != "cgroup"]
    assert await said(runtime, bundle) == [f"0::{linux['cgroupsPath']}", "40"]


async def test_it_is_born_inside_with_its_limits(where: Place, runtime: BuiltinRuntime) -> None:
    bundle = where.bundle("sleep", "100", resources=LIMITS, follow=False)
    running = await runtime.start("a", bundle)
    assert (directory(bundle) / "cgroup.procs").read_text().split() == [str(running.pid)]
    path = bundle.spec["linux"]["cgroupsPath"]
    assert Path(f"/proc/{running.pid}/cgroup").read_text() == f"0::{path}\n"
    assert (directory(bundle) / "memory.max").read_text() == f"{32 * MIB}\n"
    await runtime.release("a")
    while directory(bundle).exists():  # it goes in the background
        await asyncio.sleep(0.05)


async def test_exec_is_inside_and_counted(where: Place, runtime: BuiltinRuntime) -> None:
    bundle = where.bundle("sleep", "100", resources=LIMITS, follow=False)
    first = await runtime.start("a", bundle)
    script = "cat /proc/self/cgroup; cat /sys/fs/cgroup/memory.max; read line"
    running = await runtime.exec("a", "e1", ExecProcess(shell(script), open_stdin=True))
    assert first.pid in await runtime.pids("a")
    assert running.pid in await runtime.pids("a")
    members = Path(f"/proc/{running.pid}/cgroup").read_text()
    assert members == f"0::{bundle.spec['linux']['cgroupsPath']}/e1\n"
    assert running.stream.stdin is not None
    await running.stream.stdin.close()
    lines = (await output(running))[STDOUT].decode().split()
    assert lines == ["0::/e1", str(32 * MIB)]
    await running.exited
    await runtime.forget_exec("e1")
    assert not (directory(bundle) / "e1").exists()


async def test_an_exec_too_many_is_refused_by_the_container_s_limit(
    where: Place, runtime: BuiltinRuntime
) -> None:
    bundle = where.bundle("sleep", "100", resources=LIMITS, follow=False)
    await runtime.start("a", bundle)
    script = "for i in $(seq 60); do sleep 100 & done; wait"
    running = await runtime.exec("a", "e1", ExecProcess(shell(script), follow=False))
    assert (await running.exited).code != 0
    assert len(await runtime.pids("a")) <= 40
    await runtime.release("a")


async def test_statistics(where: Place, runtime: BuiltinRuntime) -> None:
    bundle = where.bundle("sh", "-c", "seq 20000 >/dev/null; sleep 100", resources=LIMITS)
    await runtime.start("a", bundle)
    while not (figures := await runtime.stats("a"))["cpu"]["usage"]["total"]:
        await asyncio.sleep(0.05)
    assert figures["memory"]["usage"]["limit"] == 32 * MIB
    assert 0 < figures["memory"]["usage"]["usage"] < 32 * MIB
    assert figures["pids"]["limit"] == 40
    assert figures["pids"]["current"] >= 1


async def test_pause_stops_execs_too(where: Place, runtime: BuiltinRuntime) -> None:
    await runtime.start("a", where.bundle("sleep", "100", follow=False))
    busy = "while :; do :; done"
    await runtime.exec("a", "e1", ExecProcess(shell(busy), follow=False))
    await runtime.pause("a")
    await asyncio.sleep(0.3)  # frozen is who is on the way to the scheduler, and that way counts

    async def used() -> int:
        total: int = (await runtime.stats("a"))["cpu"]["usage"]["total"]
        return total

    before = await used()
    await asyncio.sleep(0.3)
    assert await used() == before
    await runtime.resume("a")
    while await used() == before:
        await asyncio.sleep(0.05)
    await runtime.release("a")


@pytest.mark.parametrize("inside", ["first process", "exec"])
async def test_the_oom_killer_s_work_is_known(
    where: Place, runtime: BuiltinRuntime, inside: str
) -> None:
    eat = "tail /dev/zero; echo $?"
    if inside == "exec":
        await runtime.start("a", where.bundle("sleep", "100", resources=LIMITS, follow=False))
        running = await runtime.exec("a", "e1", ExecProcess(shell(eat)))
        assert (await output(running))[STDOUT] == b"137\n"
        assert (await runtime.stats("a"))["memory"]["oomKills"] == 1
    else:
        running = await runtime.start("a", where.bundle("tail", "/dev/zero", resources=LIMITS))
        ended = await running.exited
        assert (ended.code, ended.oom) == (137, True)


async def test_update(where: Place, runtime: BuiltinRuntime) -> None:
    bundle = where.bundle("sleep", "100", resources=LIMITS, follow=False)
    await runtime.start("a", bundle)
    await runtime.update("a", {"memory": {"limit": 64 * MIB, "swap": 128 * MIB}})
    assert (directory(bundle) / "memory.max").read_text() == f"{64 * MIB}\n"
    assert (directory(bundle) / "memory.swap.max").read_text() == f"{64 * MIB}\n"
    assert (directory(bundle) / "pids.max").read_text() == "40\n"
    await runtime.update("a", {"pids": {"limit": 7}, "cpu": {"shares": 1024}})
    assert (directory(bundle) / "pids.max").read_text() == "7\n"
    assert (directory(bundle) / "cpu.weight").read_text() == "39\n"


async def test_a_restarted_daemon_finds_the_cgroup_again(where: Place) -> None:
    async with builtin(where) as first:
        bundle = where.bundle("sleep", "100", resources=LIMITS, follow=False)
        await first.start("a", bundle)
        first.close()
        async with builtin(where) as second:
            assert (await second.stats("a"))["memory"]["usage"]["limit"] == 32 * MIB
            await second.pause("a")
            assert "frozen 1" in (directory(bundle) / "cgroup.events").read_text()
            await second.release("a")
    assert not os.path.exists(directory(bundle))
