"""containerd's runc shim with each runtime, driven by ctr: the same answers from both."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.oci_runtime.runtimes import PROGRAMS, TIMEOUT, make_rootfs, wait_until, why_not
from wherry.kernel.cgroup import hierarchy
from wherry.kernel.cgroup.cgroup import Cgroup

CONFIG = """\
version = 2
root = "{0}/root"
state = "{0}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "{0}/sock"
[ttrpc]
address = "{0}/sock.ttrpc"
"""


class Containerd:
    """A containerd of our own, its containers made by one runtime."""

    def __init__(self, runtime: str, directory: Path) -> None:
        self.directory = directory
        self.namespace = f"wherry-test-{uuid.uuid4().hex[:8]}"
        self.runtime = [
            "--runc-binary",
            PROGRAMS[runtime] or "",
            "--runc-root",
            f"{directory}/runc",
        ]
        make_rootfs(directory / "rootfs")
        (directory / "config").write_text(CONFIG.format(directory))
        with (directory / "log").open("w") as log:
            words = ["containerd", "--config", str(directory / "config")]
            self.process = subprocess.Popen(words, stdout=log, stderr=log)
        wait_until(lambda: self.call("version").returncode == 0, "containerd")

    def call(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["ctr", "--address", f"{self.directory}/sock", "--namespace", self.namespace, *words],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )

    def ok(self, *words: str) -> str:
        done = self.call(*words)
        assert done.returncode == 0, (words, done.returncode, done.stdout, done.stderr)
        return done.stdout

    def run(
        self, *words: str, flags: tuple[str, ...] = (), stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run a container to its end."""
        id = f"t{uuid.uuid4().hex[:8]}"
        rootfs = ("--rootfs", f"{self.directory}/rootfs")
        return self.call("run", "--rm", *self.runtime, *flags, *rootfs, id, *words, stdin=stdin)

    def background(self, *words: str) -> str:
        """Start a container that stays; its id."""
        id = f"t{uuid.uuid4().hex[:8]}"
        rootfs = ("--rootfs", f"{self.directory}/rootfs")
        self.ok("run", "--detach", *self.runtime, *rootfs, id, *words)
        return id

    def status(self, id: str) -> str:
        """What `ctr task ls` says of a container."""
        rows = [line.split() for line in self.ok("task", "ls").splitlines()]
        return next((row[2] for row in rows if row[0] == id), "")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(TIMEOUT)


@pytest.fixture(scope="module", params=list(PROGRAMS))
def containerd(request: pytest.FixtureRequest) -> Iterator[Containerd]:
    if reason := why_not(request.param):
        pytest.skip(reason)
    if not (shutil.which("containerd") and shutil.which("ctr")):
        pytest.skip("containerd is not installed")
    directory = Path(tempfile.mkdtemp(prefix="ctd-", dir="/tmp"))
    made = Containerd(request.param, directory)
    yield made
    made.stop()
    time.sleep(0.2)
    left = [
        line
        for line in Path("/proc/self/mounts").read_text().splitlines()
        if str(directory) in line
    ]
    Cgroup.locate(hierarchy.detect(), f"/{made.namespace}").remove()
    shutil.rmtree(directory, ignore_errors=True)
    assert left == []


def test_output_and_status(containerd: Containerd) -> None:
    assert containerd.run("/bin/echo", "hello").stdout == "hello\n"
    assert containerd.run("/bin/sh", "-c", "exit 5").returncode == 5
    # ctr itself does not pass the end of its input on
    assert containerd.run("/bin/head", "-c", "5", stdin="words").stdout == "words"


def test_a_program_that_is_not_there(containerd: Containerd) -> None:
    done = containerd.run("/nosuch")
    assert done.returncode == 1
    assert "no such file or directory" in done.stderr


def test_limits(containerd: Containerd) -> None:
    flags = ("--memory-limit", str(64 << 20), "--seccomp")
    file = "/sys/fs/cgroup/memory/memory.limit_in_bytes"
    done = containerd.run(
        "/bin/sh", "-c", f"cat {file}; grep Seccomp: /proc/self/status", flags=flags
    )
    assert done.stdout.split()[-1] == "2", done


def test_life_of_a_container(containerd: Containerd) -> None:
    id = containerd.background("/bin/sleep", "100")
    assert containerd.status(id) == "RUNNING"
    assert containerd.ok("task", "exec", "--exec-id", "e1", id, "/bin/echo", "inside") == "inside\n"
    script = ("/bin/sh", "-c", "exit 3")
    assert containerd.call("task", "exec", "--exec-id", "e2", id, *script).returncode == 3
    containerd.ok("task", "pause", id)
    assert containerd.status(id) == "PAUSED"
    containerd.ok("task", "resume", id)
    assert len(containerd.ok("task", "ps", id).splitlines()) == 2
    assert "pids.current" in containerd.ok("task", "metrics", id)
    containerd.ok("task", "kill", "--signal", "KILL", id)
    wait_until(lambda: containerd.status(id) == "STOPPED", "the end")
    containerd.call("task", "rm", id)  # ends with the container's status, 137
    assert containerd.status(id) == ""
    containerd.ok("container", "rm", id)
