"""Containers under each runtime that the engine can choose, through the docker command line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import running
from tests.engines import Engine

RUNTIMES = ("wherry", "runc", "crun", "runsc")
PATIENCE = 30.0

Clean = Callable[[Engine], None]


class Place:
    """Containers of one runtime, removed at the end."""

    def __init__(self, engine: Engine, runtime: str) -> None:
        self.engine = engine
        self.runtime = runtime
        self._names: list[str] = []
        self._networks: list[str] = []

    @property
    def is_sandbox(self) -> bool:
        """Whether what runs has a kernel of its own."""
        return self.runtime == "runsc"

    def run(self, *words: str, options: tuple[str, ...] = ()) -> str:
        """Start a container in the background; its name."""
        name = f"r-{uuid4().hex[:8]}"
        self._names.append(name)
        self.engine.output(
            "run", "-d", "--name", name, "--runtime", self.runtime, *options, "busybox", *words
        )
        return name

    def network(self) -> str:
        """A network of its own."""
        name = f"n-{uuid4().hex[:8]}"
        self.engine.output("network", "create", name)
        self._networks.append(name)
        return name

    def state(self, name: str) -> Any:
        """State of a container."""
        return json.loads(self.engine.output("inspect", "--format", "{{json .State}}", name))

    def until(self, condition: Callable[[], object]) -> None:
        """Wait until it holds."""
        limit = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < limit
            time.sleep(0.05)

    def close(self) -> None:
        """Remove everything."""
        if self._names:
            self.engine.docker("rm", "-f", *self._names)
        for name in self._networks:
            self.engine.output("network", "rm", name)


@pytest.fixture(params=RUNTIMES)
def place(wherry: Engine, clean: Clean, request: pytest.FixtureRequest) -> Iterator[Place]:
    if request.param != "wherry" and shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    clean(wherry)
    made = Place(wherry, request.param)
    yield made
    made.close()


def test_output_and_exit_code(place: Place) -> None:
    done = place.engine.docker(
        "run", "--rm", "--runtime", place.runtime, "-i", "-e", "A=b", "-w", "/home", "busybox",
        "sh", "-c", "cat; echo $A $PWD; echo err >&2; exit 3", stdin=b"in\n",
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (3, b"in\nb /home\n", b"err\n")


def test_a_program_that_is_not_there(place: Place) -> None:
    done = place.engine.docker("run", "--rm", "--runtime", place.runtime, "busybox", "no-such")
    assert done.returncode == 127
    assert b"no-such" in done.stderr


def test_confinement(place: Place) -> None:
    script = "grep -E '^(Seccomp|CapEff|NoNewPrivs):' /proc/self/status; id -u; id -G"
    text = place.engine.output(
        "run", "--rm", "--runtime", place.runtime, "--security-opt", "no-new-privileges",
        "--cap-drop", "ALL", "--user", "app", "busybox", "sh", "-c", script,
    )  # fmt: skip
    assert "CapEff:\t0000000000000000" in text
    assert text.splitlines()[-2] == "1000"
    if not place.is_sandbox:  # gVisor's filter is around the sandbox
        assert "Seccomp:\t2" in text
        assert "NoNewPrivs:\t1" in text


def test_exec_logs_top_stats_and_update(place: Place) -> None:
    options = ("--memory", "64m")
    name = place.run("sh", "-c", "echo said; exec sleep 1000", options=options)
    done = place.engine.docker("exec", name, "sh", "-c", "echo in; exit 7")
    assert (done.returncode, done.stdout) == (7, b"in\n")
    place.until(lambda: place.engine.output("logs", name) == "said")
    assert "sleep 1000" in place.engine.output("top", name) or place.is_sandbox
    used = place.engine.output("stats", "--no-stream", "--format", "{{.MemUsage}}", name)
    assert used.endswith("/ 64MiB")
    place.engine.output("update", "--memory", "96m", "--memory-swap", "96m", name)
    used = place.engine.output("stats", "--no-stream", "--format", "{{.MemUsage}}", name)
    assert used.endswith("/ 96MiB")


def test_terminal(place: Place) -> None:
    script = "test -t 0 && test -t 1 && echo a terminal"
    name = place.run("sh", "-c", script, options=("-t",))
    assert place.engine.output("wait", name) == "0"
    assert place.engine.output("logs", name) == "a terminal\r"


def test_pause_stop_start_and_kill(place: Place) -> None:
    name = place.run("sh", "-c", "trap 'exit 9' TERM; while :; do sleep 0.05; done")
    place.engine.output("pause", name)
    assert place.state(name)["Status"] == "paused"
    place.engine.output("unpause", name)
    place.engine.output("stop", "-t", "20", name)
    assert place.state(name)["ExitCode"] == 9
    place.engine.output("start", name)
    place.engine.output("kill", name)
    assert place.engine.output("wait", name) == "137"


def test_files_are_copied_kept_and_committed(place: Place, tmp_path: Path) -> None:
    name = place.run("sleep", "1000")
    (tmp_path / "f").write_text("from outside\n")
    copy = ("cp", str(tmp_path / "f"), f"{name}:/home/f")
    place.engine.output("exec", name, "sh", "-c", "echo inside > /home/g")
    place.until(lambda: "A /home/g" in place.engine.output("diff", name))
    place.engine.output("cp", f"{name}:/home/g", str(tmp_path / "g"))
    assert (tmp_path / "g").read_text() == "inside\n"
    if place.is_sandbox:
        assert b"does not see what changes outside" in place.engine.docker(*copy).stderr
        place.engine.output("stop", "-t", "0", name)
    place.engine.output(*copy)
    place.engine.output("restart", "-t", "0", name)
    text = place.engine.output("exec", name, "cat", "/home/f", "/home/g")
    assert text == "from outside\ninside"


def test_mounts(place: Place, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "there").write_text("host\n")
    script = "cat /b/there; echo new > /b/new; echo v > /v/x; df -k /t | tail -1; touch /r/x"
    volume = f"v-{uuid4().hex[:8]}"
    done = place.engine.docker(
        "run", "--rm", "--runtime", place.runtime, "-v", f"{tmp_path}:/b", "-v", f"{volume}:/v",
        "-v", f"{tmp_path}:/r:ro", "--tmpfs", "/t:size=1m", "busybox", "sh", "-c", script,
    )  # fmt: skip
    assert b"host\n" in done.stdout
    assert done.returncode == 1
    assert b"Read-only file system" in done.stderr
    assert (tmp_path / "new").read_text() == "new\n"
    place.engine.output("volume", "rm", volume)


def test_networks_names_and_ports(place: Place) -> None:
    network = place.network()
    serve = "while :; do echo hello | nc -l -p 80; done"
    server = place.run("sh", "-c", serve, options=("--network", network, "-p", "127.0.0.1::80"))
    port = int(place.engine.output("port", server, "80/tcp").rpartition(":")[2])
    place.until(lambda: asked(port) == b"hello\n")
    for runtime in (place.runtime, "wherry"):
        done = place.engine.docker(
            "run", "--rm", "--runtime", runtime, "--network", network, "busybox",
            "sh", "-c", f"until nc {server} 80 </dev/null | grep hello; do sleep 0.1; done",
        )  # fmt: skip
        assert done.stdout == b"hello\n", done.stderr


def asked(port: int) -> bytes:
    """What the first server on loopback says, b"" when none does."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
            return client.makefile("rb").readline()
    except OSError:
        return b""


def test_a_daemon_that_is_killed(place: Place) -> None:
    name = place.run("sh", "-c", "until test -e /home/go; do sleep 0.05; done; exit 5")
    pid = place.state(name)["Pid"]
    place.engine.kill(signal.SIGKILL)
    place.engine.start()
    assert place.state(name)["Pid"] == pid
    place.engine.docker("exec", name, "touch", "/home/go")  # it may be ended with the container
    assert place.engine.output("wait", name) == "5"


def test_a_keeper_that_is_killed(place: Place) -> None:
    """What it ran is over; the next start clears up after it."""
    name = place.run("sleep", "1000")
    keeper = int((place.engine.exec_root / "keeper.pid").read_text())
    os.kill(keeper, signal.SIGKILL)
    place.until(lambda: not place.state(name)["Running"])
    place.engine.output("start", name)
    assert place.engine.output("exec", name, "echo", "again") == "again"


@pytest.mark.parametrize("verb", ["run", "create"])
def test_a_runtime_that_is_not_there(wherry: Engine, verb: str) -> None:
    done = wherry.docker(verb, "--runtime", "kata", "busybox", "true")
    assert b"unknown or invalid runtime name: kata" in done.stderr
    assert not wherry.output("ps", "-aq")


def test_settings() -> None:
    if shutil.which("crun") is None:
        pytest.skip("crun is not installed")
    crun = shutil.which("crun")
    with running("wherry", ["--add-runtime", f"mine={crun}", "--default-runtime=mine"]) as engine:
        found = json.loads(engine.output("info", "--format", "{{json .}}"))
        assert found["DefaultRuntime"] == "mine"
        assert found["Runtimes"]["mine"]["path"] == crun
        name = engine.output("run", "-d", "busybox", "sleep", "1000")
        assert engine.output("inspect", "--format", "{{.HostConfig.Runtime}}", name) == "mine"
        engine.output("rm", "-f", name)
