"""A daemon that is killed, and one that comes after it: the built-in runtime over its keeper."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.runtime.harness import RUNTIMES, Place, builtin, is_root, output, place, program
from tests.processes import is_zombie
from wherry.engine.containers.builtin import BuiltinRuntime
from wherry.engine.containers.runtime import STDOUT, ExecProcess, KeeperGone

pytestmark = [
    pytest.mark.skipif(not is_root(), reason="needs root"),
    pytest.mark.skipif(not os.path.exists("/bin/busybox"), reason="needs busybox-static"),
]
A = f"a-{uuid.uuid4().hex}"
"""A container's id. runsc's sandboxes have it in a name that counts on the whole machine."""

ROOT = Path(__file__).parents[3]
DAEMON = """
import asyncio, sys
from pathlib import Path
from tests.contract.runtime.harness import Place, output, program
from wherry.engine.containers.builtin import BuiltinRuntime
from wherry.engine.containers.runtime import ExecProcess

class Same(Place):
    def __init__(self, root, cgroup_parent, runtime):
        self.program = program(runtime)
        self.cgroup_parent = cgroup_parent
        self.root, self.exec_root, self.data_root = root, root / "run", root / "data"
        self.image = self.data_root / "image"

async def main():
    where = Same(Path(sys.argv[1]), *sys.argv[2:])
    runtime = await BuiltinRuntime.open(str(where.exec_root), str(where.data_root))
    script = "for n in $(seq 20); do echo $n; sleep 0.1; done; exit 7"
    running = await runtime.start("talks", where.bundle("sh", "-c", script))
    await runtime.start("reads", where.bundle("cat", open_stdin=True, follow=False))
    process = {"args": ["sh", "-c", "sleep 1; exit 8"], "cwd": "/", "env": ["PATH=/bin"]}
    await runtime.exec("reads", "e", ExecProcess(process))
    print("started", flush=True)
    await output(running)

asyncio.run(main())
"""


@pytest.fixture
async def where() -> AsyncIterator[Place]:
    async with place() as made:
        yield made


@pytest.mark.parametrize("name", RUNTIMES)
async def test_killed_daemon_loses_nothing(where: Place, name: str) -> None:
    where.program = program(name)
    daemon = await asyncio.to_thread(
        subprocess.Popen,
        [sys.executable, "-c", DAEMON, str(where.root), where.cgroup_parent, name],
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    assert daemon.stdout is not None
    assert await asyncio.to_thread(daemon.stdout.readline) == b"started\n"
    await asyncio.sleep(0.3)
    daemon.send_signal(signal.SIGKILL)
    daemon.wait()
    daemon.stdout.close()
    async with builtin(where) as runtime:
        found = await runtime.list()
        assert sorted(found) == ["reads", "talks"]
        talks, reads = found["talks"], found["reads"]
        assert (await output(talks, 0))[STDOUT] == b"".join(b"%d\n" % n for n in range(1, 21))
        assert (await talks.exited).code == 7
        assert (await reads.execs["e"].exited).code == 8
        assert reads.stream.stdin is not None
        assert not reads.exited.done()
        await reads.stream.stdin.write(b"still here")
        await reads.stream.stdin.close()
        assert (await output(reads, 0))[STDOUT] == b"still here"
        assert (await reads.exited).code == 0
        again = await runtime.start("again", where.bundle("true"))
        assert (await again.exited).code == 0


@pytest.mark.parametrize("name", RUNTIMES)
async def test_exec_into_a_container_found_again(where: Place, name: str) -> None:
    where.program = program(name)
    first = await BuiltinRuntime.open(str(where.exec_root), str(where.data_root))
    await first.start(A, where.bundle("sleep", "100", follow=False))
    first.close()
    async with builtin(where) as runtime:
        process = {"args": ["hostname"], "cwd": "/", "env": ["PATH=/bin"]}
        running = await runtime.exec(A, "e", ExecProcess(process))
        assert (await output(running))[STDOUT] == b"box\n"


@pytest.mark.parametrize("name", RUNTIMES)
async def test_killed_keeper_is_noticed_and_replaced(where: Place, name: str) -> None:
    where.program = program(name)
    runtime = await BuiltinRuntime.open(str(where.exec_root), str(where.data_root))
    running = await runtime.start(A, where.bundle("sleep", "100", follow=False))
    cgroup_pids = await runtime.pids(A)
    os.kill(int((where.exec_root / "keeper.pid").read_text()), signal.SIGKILL)
    with pytest.raises(KeeperGone):
        await running.exited
    await runtime.release(A)
    while any(Path(f"/proc/{pid}/exe").exists() for pid in cgroup_pids):
        await asyncio.sleep(0.01)  # killed they are, and nobody waits for their ends any more
    again = await runtime.start("b", where.bundle("sh", "-c", "exit 2"))
    assert (await again.exited).code == 2
    await runtime.release("b")
    await runtime.shutdown_keeper()
    runtime.close()


async def test_exit_is_known_although_the_keeper_left_too(where: Place) -> None:
    first = await BuiltinRuntime.open(str(where.exec_root), str(where.data_root))
    running = await first.start(A, where.bundle("sh", "-c", "exit 5"))
    await running.exited
    keeper = int((where.exec_root / "keeper.pid").read_text())
    os.kill(keeper, signal.SIGKILL)
    # Until then it may still accept connections; a zombie (our own, where another test made this
    # process a subreaper) does not.
    while Path(f"/proc/{keeper}").exists() and not is_zombie(keeper):
        await asyncio.sleep(0.01)
    await first.release(A)
    first.close()
    second = await BuiltinRuntime.open(str(where.exec_root), str(where.data_root))
    assert not await second.list()
    recorded = second.recorded_exit(A)
    assert recorded is not None
    assert recorded.code == 5
    assert second.recorded_exit("b") is None
    await second.shutdown_keeper()
    second.close()
