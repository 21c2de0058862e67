"""Further processes in a running container."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.root.runtime.driver import CAPABILITIES, SETS, Container, Driver, spec


def process(*args: str, **more: Any) -> dict[str, Any]:
    """An exec's process object."""
    sets = dict.fromkeys(SETS, CAPABILITIES)
    return {"args": list(args), "env": ["PATH=/bin"], "cwd": "/", "capabilities": sets, **more}


@pytest.fixture
def container(driver: Driver) -> Iterator[Container]:
    running = driver.start(spec("sleep", "1000"))
    assert not running.error
    yield running
    running.kill()
    running.finish()


def test_joins_every_namespace(driver: Driver, container: Container) -> None:
    names = ("cgroup", "ipc", "mnt", "net", "pid", "uts")
    script = "for n in " + " ".join(names) + "; do readlink /proc/self/ns/$n; done; ps -o args"
    lines = driver.exec(container, process("sh", "-c", script)).output.splitlines()
    assert lines[:6] == [os.readlink(f"/proc/{container.pid}/ns/{name}") for name in names]
    assert "sleep 1000" in lines


def test_user_directory_environment_and_status(driver: Driver, container: Container) -> None:
    script = "id -u; pwd; echo $A $HOME; grep CapBnd /proc/self/status; exit 9"
    wanted = process("sh", "-c", script, cwd="/tmp", env=["PATH=/bin", "A=b"])
    result = driver.exec(container, wanted, user="ann")
    assert result.output.split() == [
        "1234", "/tmp", "b", "/home/ann", "CapBnd:", "00000000a80425fb",
    ]  # fmt: skip
    assert os.waitstatus_to_exitcode(result.status) == 9


def test_terminal(driver: Driver, container: Container) -> None:
    result = driver.exec(container, process("tty"), terminal=True)
    assert result.output == "/dev/pts/0\r\n"


def test_no_descriptor_of_the_engine_is_open(driver: Driver, container: Container) -> None:
    script = "ls -l /proc/self/fd | grep -c ' -> '"
    assert driver.exec(container, process("sh", "-c", script)).output == "3\n"


def test_failures(driver: Driver, container: Container) -> None:
    unknown = driver.exec(container, process("foo")).error["text"]
    assert unknown == 'exec: "foo": executable file not found in $PATH'
    missing = driver.exec(container, process("true", cwd="/no")).error["text"]
    assert missing == 'chdir to cwd ("/no") set in config.json failed: no such file or directory'


def test_container_that_is_gone(driver: Driver) -> None:
    running = driver.start(spec("sleep", "1000"))
    running.kill()
    os.waitid(os.P_PIDFD, running.pidfd, os.WEXITED | os.WNOWAIT)
    error = driver.exec(running, process("true")).error
    assert error["step"] == "join"
    assert error["text"] == "the container's process is gone"
    running.finish()


def test_user_namespace_is_joined(driver: Driver) -> None:
    wanted = spec("sleep", "1000")
    wanted["linux"]["namespaces"].append({"type": "user"})
    for name in ("uidMappings", "gidMappings"):
        wanted["linux"][name] = [{"containerID": 0, "hostID": 0, "size": 65536}]
    running = driver.start(wanted)
    assert running.error == {}
    script = "readlink /proc/self/ns/user; id -u"
    result = driver.exec(
        running, process("sh", "-c", script), namespaces=wanted["linux"]["namespaces"]
    )
    assert result.output.split() == [os.readlink(f"/proc/{running.pid}/ns/user"), "0"]
    running.kill()
    running.finish()


def test_launcher_serves_on_after_a_join(driver: Driver, container: Container) -> None:
    driver.exec(container, process("true"))
    link = os.readlink(f"/proc/{driver.launcher.pid}/ns/pid_for_children")
    assert link == os.readlink("/proc/self/ns/pid")
    assert driver.run(spec("echo", "still here")).output == "still here\n"
    signal.pidfd_send_signal(container.pidfd, 0)
