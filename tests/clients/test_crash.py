"""Any process of the engine may die: containers, logs and exit codes stay whole."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

from tests import processes
from tests.engines import ANSWER_SECONDS, Engine

COUNTING = "i=0; while [ ! -e /end ]; do i=$((i+1)); echo $i; sleep 0.02; done; exit 7"


def _until(condition: Callable[[], bool], what: str) -> None:
    limit = time.monotonic() + ANSWER_SECONDS
    while not condition():
        assert time.monotonic() < limit, f"never: {what}"
        time.sleep(0.02)


def _counting(engine: Engine, name: str) -> int:
    """Start a container that counts until it is told to end; its process id."""
    engine.output("run", "-d", "--init", "--name", name, "busybox", "sh", "-c", COUNTING)
    _until(lambda: engine.output("logs", name).count("\n") > 3, "the first lines")
    return int(engine.output("inspect", "-f", "{{.State.Pid}}", name))


def _alive(pid: int) -> bool:
    return bool(processes.name(pid)) and not processes.is_zombie(pid)


def _end(engine: Engine, name: str) -> None:
    engine.output("exec", name, "touch", "/end")


def _assert_counted_without_a_gap(output: str) -> None:
    numbers = [int(line) for line in output.split()]
    assert numbers == list(range(1, len(numbers) + 1))


def _engine_process(engine: Engine, module: str) -> int:
    """Process id of the keeper or the launcher, found by its command line."""
    found = [
        pid
        for pid in processes.of(engine.root, engine.cgroup_parent)
        if module in (processes.PROC / str(pid) / "cmdline").read_bytes().decode()
    ]
    assert len(found) == 1, (module, found)
    return found[0]


def test_killed_daemon_finds_its_containers_again(own_wherry: Engine) -> None:
    pid = _counting(own_wherry, "c1")
    own_wherry.kill()
    assert _alive(pid)
    time.sleep(0.3)
    own_wherry.start()
    assert own_wherry.output("inspect", "-f", "{{.State.Pid}} {{.State.Running}}", "c1") == (
        f"{pid} true"
    )
    _end(own_wherry, "c1")
    assert own_wherry.output("wait", "c1") == "7"
    _assert_counted_without_a_gap(own_wherry.output("logs", "c1"))


def test_exit_while_the_daemon_is_down(own_wherry: Engine) -> None:
    pid = int(_start_ending_soon(own_wherry))
    own_wherry.kill()
    _until(lambda: not _alive(pid), "the container's end")
    own_wherry.start()
    state = own_wherry.output("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "c1")
    assert state == "exited 5"
    assert own_wherry.output("wait", "c1") == "5"
    assert own_wherry.output("logs", "c1") == "last words"


def _start_ending_soon(engine: Engine) -> str:
    engine.output(
        "run", "-d", "--name", "c1", "busybox", "sh", "-c", "sleep 2; echo last words; exit 5"
    )
    return engine.output("inspect", "-f", "{{.State.Pid}}", "c1")


def test_removal_that_was_due_while_the_daemon_was_down(own_wherry: Engine) -> None:
    own_wherry.output("run", "-d", "--rm", "--name", "c1", "busybox", "sleep", "2")
    pid = int(own_wherry.output("inspect", "-f", "{{.State.Pid}}", "c1"))
    own_wherry.kill()
    _until(lambda: not _alive(pid), "the container's end")
    own_wherry.start()
    _until(lambda: own_wherry.output("ps", "-aq") == "", "the removal")


def test_restart_that_was_due_while_the_daemon_was_down(own_wherry: Engine) -> None:
    own_wherry.output(
        "run", "-d", "--restart", "always", "--name", "c1", "busybox", "sh", "-c", "sleep 1"
    )
    pid = int(own_wherry.output("inspect", "-f", "{{.State.Pid}}", "c1"))
    own_wherry.kill()
    _until(lambda: not _alive(pid), "the container's end")
    own_wherry.start()
    _until(
        lambda: int(own_wherry.output("inspect", "-f", "{{.RestartCount}}", "c1")) > 0,
        "the restart",
    )


def test_killed_launcher_is_replaced(own_wherry: Engine) -> None:
    pid = _counting(own_wherry, "c1")
    launcher = _engine_process(own_wherry, "wherry.runtime.launcher")
    os.kill(launcher, signal.SIGKILL)
    assert own_wherry.output("run", "--rm", "busybox", "echo", "next") == "next"
    assert _alive(pid)
    _end(own_wherry, "c1")
    assert own_wherry.output("wait", "c1") == "7"
    _assert_counted_without_a_gap(own_wherry.output("logs", "c1"))


def test_terminated_daemon_leaves_containers_running(own_wherry: Engine) -> None:
    pid = _counting(own_wherry, "c1")
    own_wherry.kill(signal.SIGTERM)
    assert _alive(pid)
    assert not own_wherry.socket.exists() or not own_wherry.answers()
    own_wherry.start()
    _end(own_wherry, "c1")
    assert own_wherry.output("wait", "c1") == "7"


def test_exec_after_the_daemon_came_back(own_wherry: Engine) -> None:
    _counting(own_wherry, "c1")
    own_wherry.kill()
    own_wherry.start()
    assert own_wherry.output("exec", "c1", "echo", "inside") == "inside"
    done = own_wherry.docker("exec", "c1", "sh", "-c", "exit 3")
    assert done.returncode == 3
    own_wherry.output("pause", "c1")
    own_wherry.output("unpause", "c1")
    own_wherry.output("stop", "-t", "1", "c1")
    assert own_wherry.output("ps", "-q") == ""


def test_daemon_killed_again_and_again(own_wherry: Engine) -> None:
    pid = _counting(own_wherry, "c1")
    for round_ in range(5):
        own_wherry.kill()
        own_wherry.start()
        assert own_wherry.output("run", "--rm", "busybox", "echo", str(round_)) == str(round_)
    assert _alive(pid)
    _end(own_wherry, "c1")
    assert own_wherry.output("wait", "c1") == "7"
    _assert_counted_without_a_gap(own_wherry.output("logs", "c1"))


def test_shutdown_ends_everything(own_wherry: Engine) -> None:
    pid = _counting(own_wherry, "c1")
    own_wherry.end_everything()
    _until(lambda: not _alive(pid), "the container's end")
    _until(lambda: not processes.of(own_wherry.root, own_wherry.cgroup_parent), "the engine's end")
    own_wherry.start()
    assert own_wherry.output("inspect", "-f", "{{.State.Running}}", "c1") == "false"
