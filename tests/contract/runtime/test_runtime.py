"""The contract of `Runtime`: what every implementation must do, with real containers."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from tests.contract.runtime.harness import RUNTIMES, Place, builtin, is_root, output, place, program
from tests.processes import is_zombie
from wherry.engine.containers.builtin import BuiltinRuntime
from wherry.engine.containers.runtime import (
    STDERR,
    STDOUT,
    ExecProcess,
    LaunchError,
    Runtime,
    WindowSize,
)
from wherry.errors import Conflict, NotFound

A = f"a-{uuid.uuid4().hex}"
"""A container's id. runsc's sandboxes have it in a name that counts on the whole machine."""

pytestmark = [
    pytest.mark.skipif(not is_root(), reason="needs root"),
    pytest.mark.skipif(not os.path.exists("/bin/busybox"), reason="needs busybox-static"),
]


@pytest.fixture
async def where() -> AsyncIterator[Place]:
    async with place() as made:
        yield made


@pytest.fixture(params=RUNTIMES)
async def runtime(where: Place, request: pytest.FixtureRequest) -> AsyncIterator[BuiltinRuntime]:
    where.program = program(request.param)
    async with builtin(where) as made:
        yield made


def process(*args: str) -> dict[str, object]:
    return {"args": list(args), "env": ["PATH=/usr/bin:/bin"], "cwd": "/"}


async def test_output_and_exit_code(where: Place, runtime: Runtime) -> None:
    running = await runtime.start(A, where.bundle("sh", "-c", "echo out; echo err >&2; exit 3"))
    assert await output(running) == {STDOUT: b"out\n", STDERR: b"err\n"}
    ended = await running.exited
    assert (ended.code, ended.signal, ended.oom) == (3, "", False)
    await running.ended


async def test_a_killed_process_has_docker_s_exit_code(where: Place, runtime: Runtime) -> None:
    running = await runtime.start(A, where.bundle("sleep", "100", follow=False))
    pids = await runtime.pids(A)
    # A sandbox has processes of its own around the container's.
    assert running.pid in pids if where.is_sandbox else pids == [running.pid]
    await runtime.signal(A, signal.SIGKILL)
    ended = await running.exited
    assert ended.code == 137
    # A sandbox is not killed with the process inside; it leaves with the code that a shell has.
    assert ended.signal == ("" if where.is_sandbox else "SIGKILL")


async def test_stdin_reaches_the_process_until_it_is_closed(where: Place, runtime: Runtime) -> None:
    running = await runtime.start(A, where.bundle("cat", open_stdin=True))
    stdin = running.stream.stdin
    assert stdin is not None
    text = b"0123456789abcdef" * 20_000  # more than a pipe holds

    async def feed() -> None:
        await stdin.write(text)
        await stdin.close()

    found, _ = await asyncio.gather(output(running), feed())
    assert found[STDOUT] == text
    assert (await running.exited).code == 0


async def test_terminal(where: Place, runtime: Runtime) -> None:
    bundle = where.bundle(
        "sh", "-c", "stty size; read line; echo got $line; tty",
        terminal=True, open_stdin=True, window=WindowSize(30, 100),
    )  # fmt: skip
    running = await runtime.start(A, bundle)
    assert running.stream.stdin is not None
    await running.stream.stdin.write(b"hello\n")
    found = await output(running)
    assert found[STDERR] == b""
    assert b"30 100\r\n" in found[STDOUT]
    # gVisor's terminal has no name inside.
    assert b"got hello\r\n" + (b"" if where.is_sandbox else b"/dev/") in found[STDOUT]


async def test_resize_is_told(where: Place, runtime: Runtime) -> None:
    script = "trap 'stty size; exit' WINCH; echo ready; while :; do sleep 0.05; done"
    running = await runtime.start(A, where.bundle("sh", "-c", script, terminal=True))
    text = b""
    async with aclosing(running.stream.follow(running.stream.begin)) as chunks:
        async for chunk in chunks:
            if b"ready" in chunk.data:
                await runtime.resize(A, WindowSize(7, 77))
            text += chunk.data
    assert b"7 77" in text


async def test_a_long_terminal_output_is_whole(where: Place, runtime: Runtime) -> None:
    running = await runtime.start(A, where.bundle("seq", "100000", terminal=True))
    lines = (await output(running))[STDOUT].split()
    assert len(lines) == 100_000
    assert lines[-1] == b"100000"


async def test_exec(where: Place, runtime: Runtime) -> None:
    await runtime.start(A, where.bundle("sleep", "100", follow=False))
    wanted = ExecProcess(process("sh", "-c", "echo $$; echo no >&2; exit 4"))
    running = await runtime.exec(A, "e", wanted)
    found = await output(running)
    assert int(found[STDOUT]) > 1
    assert found[STDERR] == b"no\n"
    assert (await running.exited).code == 4
    assert list((await runtime.list())[A].execs) == ["e"]
    await runtime.forget_exec("e")
    assert not (await runtime.list())[A].execs


async def test_user_namespace(where: Place, runtime: Runtime) -> None:
    script = (
        "id -u; echo x > /made; stat -c %u /made /bin/busybox; echo again > /dev/stdout;"
        "until test -e /go; do sleep 0.02; done"
    )
    if where.is_sandbox:
        pytest.skip("runsc has no user namespaces to map: the engine refuses them before")
    bundle = where.bundle("sh", "-c", script)
    maps = [{"containerID": 0, "hostID": 300_000, "size": 65_536}]
    bundle.spec["linux"]["namespaces"].append({"type": "user"})
    bundle.spec["linux"].update(uidMappings=maps, gidMappings=maps)
    running = await runtime.start("u", bundle)
    assert os.stat(f"/proc/{running.pid}").st_uid == 300_000
    wanted = ExecProcess(process("sh", "-c", "touch /go; stat -c %u /go"))
    assert (await output(await runtime.exec("u", "e", wanted)))[STDOUT] == b"0\n"
    assert (await output(running))[STDOUT] == b"0\n0\n0\nagain\n"
    assert (await running.exited).code == 0
    await runtime.release("u")


async def test_exec_with_stdin_and_terminal(where: Place, runtime: Runtime) -> None:
    await runtime.start(A, where.bundle("sleep", "100", follow=False))
    # crun starts the program while the terminal is still without a size.
    script = "until stty size 2>/dev/null | grep .; do sleep 0.02; done; read x; echo $x"
    wanted = ExecProcess(process("sh", "-c", script), terminal=True,
                         open_stdin=True, window=WindowSize(5, 50))  # fmt: skip
    running = await runtime.exec(A, "e", wanted)
    assert running.stream.stdin is not None
    await running.stream.stdin.write(b"typed\n")
    text = (await output(running))[STDOUT]
    assert b"5 50\r\n" in text
    assert text.endswith(b"typed\r\n")


async def test_exec_nobody_reads_does_not_wait(where: Place, runtime: Runtime) -> None:
    await runtime.start(A, where.bundle("sleep", "100", follow=False))
    script = "dd if=/dev/zero bs=1M count=20 2>/dev/null"
    running = await runtime.exec(A, "e", ExecProcess(process("sh", "-c", script), follow=False))
    assert (await running.exited).code == 0


async def test_exec_output_waits_for_its_reader(where: Place, runtime: Runtime) -> None:
    await runtime.start(A, where.bundle("sleep", "100", follow=False))
    script = "dd if=/dev/zero bs=1M count=20 2>/dev/null; echo done"
    running = await runtime.exec(A, "e", ExecProcess(process("sh", "-c", script)))
    await asyncio.sleep(0.3)
    assert not running.exited.done()
    found = (await output(running))[STDOUT]
    assert len(found) == 20 * 2**20 + len("done\n")


async def test_what_ends_with_the_container_is_known(where: Place, runtime: Runtime) -> None:
    main = await runtime.start(A, where.bundle("sleep", "100", follow=False))
    running = await runtime.exec(A, "e", ExecProcess(process("sleep", "100")))
    await runtime.signal(A, signal.SIGKILL)
    assert (await main.exited).code == 137
    assert (await running.exited).code == 137


@pytest.mark.parametrize("log", [True, False], ids=["log", "no log"])
async def test_attached_reader_gets_every_byte(
    where: Place, runtime: Runtime, *, log: bool
) -> None:
    running = await runtime.start(A, where.bundle("seq", "1000000", log=log))
    total = (await output(running))[STDOUT]
    assert total == b"".join(b"%d\n" % n for n in range(1, 1_000_001))


async def test_two_readers(where: Place, runtime: Runtime) -> None:
    running = await runtime.start(A, where.bundle("seq", "200000"))
    begin = running.stream.begin
    first, second = await asyncio.gather(output(running, begin), output(running, begin))
    assert first == second


async def test_pause_and_resume(where: Place, runtime: Runtime) -> None:
    script = "while :; do echo tick; sleep 0.02; done"
    running = await runtime.start(A, where.bundle("sh", "-c", script, follow=False))
    await runtime.pause(A)
    await asyncio.sleep(0.1)
    async with aclosing(running.stream.follow()) as chunks:
        coming = asyncio.ensure_future(anext(chunks))
        done, _ = await asyncio.wait([coming], timeout=0.3)
        assert not done
        await runtime.resume(A)
        assert b"tick" in (await coming).data


async def test_release_ends_a_running_container(where: Place, runtime: Runtime) -> None:
    running = await runtime.start(A, where.bundle("sh", "-c", "sleep 100 & sleep 100"))
    pids = await runtime.pids(A)
    await runtime.release(A)
    assert (await running.exited).code == 137
    there = [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    # What only a sandbox is the parent of is reaped when that one's parent has time.
    assert all(is_zombie(pid) for pid in there) if where.is_sandbox else not there
    assert not await runtime.list()
    await runtime.release(A)
    await runtime.start(A, where.bundle("true"))


async def test_limits(where: Place, runtime: Runtime) -> None:
    running = await runtime.start(A, where.bundle("sleep", "100", follow=False))
    await runtime.update(A, {"memory": {"limit": 50 * 2**20}})
    stats = await runtime.stats(A)
    assert stats["memory"]["usage"]["limit"] == 50 * 2**20
    assert not running.exited.done()


async def test_out_of_memory_is_seen(where: Place, runtime: Runtime) -> None:
    limits = {"memory": {"limit": 20 * 2**20, "swap": 20 * 2**20}}
    script = "a=x; while :; do a=$a$a; done"
    running = await runtime.start(A, where.bundle("sh", "-c", script, resources=limits))
    ended = await running.exited
    assert (ended.code, ended.oom) == (137, True)


@pytest.mark.parametrize(
    ("args", "error"), [(("no-such",), errno.ENOENT), (("/etc",), errno.EISDIR)], ids=["no", "dir"]
)
async def test_what_cannot_be_executed(
    where: Place, runtime: Runtime, args: tuple[str, ...], error: int
) -> None:
    bundle = where.bundle(*args)
    with pytest.raises(LaunchError) as failed:
        await runtime.start(A, bundle)
    if where.program is None:
        assert failed.value.errno == error
        assert f'"{args[0]}"' in str(failed.value)
    else:  # in the runtime's words; others than Docker's they are not
        assert failed.value.errno == (error if error == errno.ENOENT else errno.EACCES)
    assert not await runtime.list()
    cgroup = bundle.spec["linux"]["cgroupsPath"]
    assert not list(Path("/sys/fs/cgroup").glob(f"*{cgroup}"))


async def test_bad_calls(where: Place, runtime: Runtime) -> None:
    with pytest.raises(NotFound):
        await runtime.signal("nobody", 9)
    running = await runtime.start(A, where.bundle("true", follow=False))
    with pytest.raises(Conflict):
        await runtime.start(A, where.bundle("true"))
    await running.exited
    with pytest.raises(Conflict):
        await runtime.exec(A, "e", ExecProcess(process("true")))
    with pytest.raises(Conflict):
        await runtime.signal(A, 9)


async def test_twenty_at_once(where: Place, runtime: Runtime) -> None:
    async def one(number: int) -> int:
        running = await runtime.start(
            f"{A}-{number:02}", where.bundle("sh", "-c", f"exit {number}")
        )
        code = (await running.exited).code
        await runtime.release(f"{A}-{number:02}")
        return code

    assert await asyncio.gather(*map(one, range(20))) == list(range(20))
