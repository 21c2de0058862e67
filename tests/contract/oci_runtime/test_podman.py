"""Podman with each runtime, in a storage of its own: the same answers from both."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.oci_runtime.runtimes import PROGRAMS, TIMEOUT, make_rootfs, wait_until, why_not
from wherry.kernel.cgroup import hierarchy
from wherry.kernel.cgroup.cgroup import Cgroup

# Podman asks for more open files than a machine without CAP_SYS_RESOURCE may grant.
SETTINGS = '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n'


class Podman:
    """One podman with one runtime and an image called "boat"."""

    def __init__(self, runtime: str, directory: Path) -> None:
        (directory / "settings").write_text(SETTINGS)
        self.environment = {**os.environ, "CONTAINERS_CONF": str(directory / "settings")}
        self.words = ["podman", "--runtime", PROGRAMS[runtime] or "", "--storage-driver", "vfs"]
        self.words += ["--cgroup-manager", "cgroupfs", "--root", f"{directory}/root"]
        self.words += ["--runroot", f"{directory}/run", "--tmpdir", f"{directory}/tmp"]
        make_rootfs(directory / "rootfs")
        archive = directory / "boat.tar"
        subprocess.run(["tar", "-C", directory / "rootfs", "-cf", archive, "."], check=True)
        self.ok("import", "-q", str(archive), "boat")

    def call(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.words, *words],
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )

    def ok(self, *words: str, stdin: str = "") -> str:
        done = self.call(*words, stdin=stdin)
        assert done.returncode == 0, (words, done.returncode, done.stdout, done.stderr)
        return done.stdout

    def run(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return self.call("run", "--rm", "--network", "none", *words, stdin=stdin)

    def background(self, *words: str) -> str:
        """Start a container that stays; its id."""
        return self.ok("run", "-d", "--network", "none", "boat", *words).strip()


@pytest.fixture(scope="module", params=list(PROGRAMS))
def podman(request: pytest.FixtureRequest) -> Iterator[Podman]:
    if reason := why_not(request.param):
        pytest.skip(reason)
    if not shutil.which("podman"):
        pytest.skip("podman is not installed")
    directory = Path(tempfile.mkdtemp(prefix="podman-", dir="/tmp"))
    parent = Cgroup.locate(hierarchy.detect(), "/libpod_parent")
    shared = parent.exists()
    made = Podman(request.param, directory)
    yield made
    made.call("rm", "--all", "--force", "--time", "0")
    made.call("system", "reset", "--force")
    left = [
        line
        for line in Path("/proc/self/mounts").read_text().splitlines()
        if str(directory) in line
    ]
    for line in left:
        subprocess.run(["umount", "-l", line.split()[1]], check=False)
    if not shared:
        parent.remove()
    shutil.rmtree(directory, ignore_errors=True)


def test_output_and_status(podman: Podman) -> None:
    assert podman.run("boat", "echo", "hello").stdout == "hello\n"
    assert podman.run("boat", "sh", "-c", "exit 5").returncode == 5
    assert podman.run("-i", "boat", "cat", stdin="words").stdout == "words"


def test_programs_that_cannot_be_run(podman: Podman) -> None:
    missing = podman.run("boat", "nosuch")
    assert missing.returncode == 127
    assert "executable file not found in $PATH" in missing.stderr
    assert podman.run("boat", "/etc/passwd").returncode == 126


def test_terminal(podman: Podman) -> None:
    assert "/dev/pts/0" in podman.run("-t", "boat", "readlink", "/proc/self/fd/0").stdout


def test_limits_and_settings(podman: Podman) -> None:
    flags = ["--memory", "64m", "--user", "1000:1000", "--hostname", "boat", "--workdir", "/tmp"]
    file = "/sys/fs/cgroup/memory/memory.limit_in_bytes"
    script = f"cat {file} /sys/fs/cgroup/memory.max 2>/dev/null; id -u; hostname; pwd"
    lines = podman.run(*flags, "boat", "sh", "-c", script).stdout.split()
    assert lines == [str(64 << 20), "1000", "boat", "/tmp"]


def test_exec(podman: Podman) -> None:
    id = podman.background("sleep", "100")
    assert podman.ok("exec", id, "echo", "inside") == "inside\n"
    assert podman.call("exec", id, "sh", "-c", "exit 3").returncode == 3
    assert podman.call("exec", id, "nosuch").returncode == 127
    assert podman.call("exec", "-i", id, "cat", stdin="words").stdout == "words"
    assert "/dev/pts/" in podman.ok("exec", "-t", id, "readlink", "/proc/self/fd/0")
    podman.ok("rm", "-f", "-t", "0", id)


def test_life_of_a_container(podman: Podman) -> None:
    id = podman.background("sleep", "100")
    status = ("inspect", "--format", "{{.State.Status}}", id)
    podman.ok("pause", id)
    assert podman.ok(*status) == "paused\n"
    podman.ok("unpause", id)
    assert "sleep 100" in podman.ok("top", id)
    assert id[:12] in podman.ok("stats", "--no-stream", id)
    podman.ok("kill", id)
    assert podman.ok("wait", id) == "137\n"
    podman.ok("start", id)
    assert podman.ok(*status) == "running\n"
    podman.ok("restart", "-t", "0", id)
    podman.ok("stop", "-t", "0", id)
    wait_until(lambda: podman.ok(*status) == "exited\n", "the end")
    podman.ok("rm", id)


def test_logs(podman: Podman) -> None:
    id = podman.background("sh", "-c", "echo out; echo err >&2")
    podman.ok("wait", id)
    done = podman.call("logs", id)
    assert (done.stdout, done.stderr) == ("out\n", "err\n")
    podman.ok("rm", id)
