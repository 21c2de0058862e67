"""OCI runtimes under test, bundles for them, and what they leave behind."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wherry.kernel.cgroup import hierarchy
from wherry.kernel.cgroup.cgroup import Cgroup
from wherry.spec import runtime as pieces

PROGRAMS = {
    "runc": shutil.which("runc"),
    "wherry-oci": str(Path(sys.executable).with_name("wherry-oci")),
}
APPLETS = (
    "sh cat true false sleep id ls env stty echo kill grep head printf hostname dd mkdir mknod"
    " touch mount ps pwd readlink rm stat test tr uname wc nproc chroot awk"
)
TIMEOUT = 60
CAPABILITIES = ["CAP_CHOWN", "CAP_KILL", "CAP_MKNOD", "CAP_SETGID", "CAP_SETUID"]


def why_not(name: str) -> str:
    """Why this runtime cannot be tested here; empty if it can."""
    if os.geteuid() != 0:
        return "containers need root"
    if not PROGRAMS[name] or not Path(PROGRAMS[name] or "").exists():
        return f"{name} is not installed"
    if not shutil.which("busybox"):
        return "busybox is not installed"
    return ""


def make_rootfs(path: Path) -> None:
    """A root file system of busybox alone."""
    for name in ("bin", "dev", "etc", "proc", "root", "sys", "tmp"):
        (path / name).mkdir(parents=True)
    shutil.copy(shutil.which("busybox") or "", path / "bin" / "busybox")
    for applet in APPLETS.split():
        (path / "bin" / applet).symlink_to("busybox")
    (path / "etc" / "passwd").write_text(
        "root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/tmp:/bin/sh\n"
    )
    (path / "etc" / "group").write_text("root:x:0:\nuser:x:1000:\n")


class Bundle:
    """A bundle directory; change `spec` before it is used."""

    def __init__(self, path: Path, id: str) -> None:
        self.path = path
        self.rootfs = path / "rootfs"
        make_rootfs(self.rootfs)
        self.spec = pieces.template()
        self.spec["ociVersion"] = "1.0.2"
        self.process = self.spec["process"]
        self.linux = self.spec["linux"]
        self.process["terminal"] = False
        self.process["capabilities"] = {
            name: list(CAPABILITIES) for name in ("bounding", "effective", "permitted")
        }
        self.linux["cgroupsPath"] = f"/wherry-test-{id}"
        # runc 1.1 cannot mask what this file is: keep to what both know.
        self.linux["maskedPaths"] = ["/proc/kcore", "/proc/keys", "/sys/firmware"]

    def shell(self, script: str) -> None:
        """Let the container run a script."""
        self.process["args"] = ["sh", "-c", script]

    def namespace(self, kind: str, path: str | None = None) -> None:
        """Ask for a namespace, or join the one at `path`."""
        rows = [row for row in self.linux["namespaces"] if row["type"] != kind]
        rows.append({"type": kind, **({"path": path} if path else {})})
        self.linux["namespaces"] = rows

    def without_namespace(self, kind: str) -> None:
        """Stay in the caller's namespace of this kind."""
        rows = self.linux["namespaces"]
        self.linux["namespaces"] = [row for row in rows if row["type"] != kind]

    def write(self) -> None:
        """Write config.json."""
        (self.path / "config.json").write_text(json.dumps(self.spec))


class Runtime:
    """One runtime with a root of its own, one container id and its bundle."""

    def __init__(self, name: str, directory: Path) -> None:
        self.name = name
        self.program = PROGRAMS[name] or ""
        self.root = directory / "state"
        self.id = f"c{uuid.uuid4().hex[:10]}"
        (directory / "bundle").mkdir()
        self.bundle = Bundle(directory / "bundle", self.id)
        self.pid_file = directory / "pid"
        self.log = directory / "log.json"
        self.directory = directory

    def command(self, *words: str) -> list[str]:
        """A whole command line."""
        return [self.program, "--root", str(self.root), *words]

    def call(
        self, *words: str, stdin: str = "", more: dict[str, Any] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run one command to its end; its output is a file, so that no container holds a pipe."""
        out, err = self.directory / "out", self.directory / "err"
        with out.open("w+") as stdout, err.open("w+") as stderr:
            done = subprocess.run(
                self.command(*words),
                input=stdin.encode() if stdin else None,
                stdin=None if stdin else subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                timeout=TIMEOUT,
                check=False,
                **(more or {}),
            )
        return subprocess.CompletedProcess(
            done.args, done.returncode, out.read_text(), err.read_text()
        )

    def ok(self, *words: str, **more: Any) -> str:
        """Run one command that must succeed; its output."""
        done = self.call(*words, **more)
        assert done.returncode == 0, f"{words}: {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout

    def refused(self, *words: str) -> str:
        """Run one command that must fail; its complaint."""
        done = self.call(*words)
        assert done.returncode != 0, f"{words} succeeded: {done.stdout}"
        return done.stderr + done.stdout

    def run(self, script: str = "", *, status: int = 0) -> str:
        """Run the bundle's container to its end; its output."""
        if script:
            self.bundle.shell(script)
        self.bundle.write()
        done = self.call("run", "--bundle", str(self.bundle.path), self.id)
        assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
        return done.stdout

    def create(self, *flags: str, script: str = "sleep 60") -> None:
        """Create the container of the bundle."""
        self.bundle.shell(script)
        self.bundle.write()
        pid_file = ("--pid-file", str(self.pid_file))
        self.ok("create", "--bundle", str(self.bundle.path), *pid_file, *flags, self.id)

    def start(self, script: str = "sleep 60") -> None:
        """Create and start it."""
        self.create(script=script)
        self.ok("start", self.id)

    def state(self) -> dict[str, Any]:
        """What `state` prints."""
        found: dict[str, Any] = json.loads(self.ok("state", self.id))
        return found

    def status(self) -> str:
        """The state's status."""
        return str(self.state()["status"])

    def pid(self) -> int:
        """The container's first process."""
        return int(self.pid_file.read_text())

    def exec(self, *words: str) -> str:
        """Run a command in the container; its output."""
        return self.ok("exec", self.id, *words)

    def cgroup(self) -> Cgroup:
        """The container's cgroup, as the kernel has it."""
        return Cgroup.locate(hierarchy.detect(), f"/wherry-test-{self.id}")

    def left_behind(self) -> list[str]:
        """Mounts, cgroups, processes and state that should be gone."""
        left = [
            line
            for line in Path("/proc/self/mounts").read_text().splitlines()
            if str(self.directory) in line
        ]
        left += [
            directory for directory in self.cgroup().directories() if os.path.exists(directory)
        ]
        left += [str(path) for path in self.root.glob(f"{self.id}*")]
        return left


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait for something that happens soon; fail after a generous time."""
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.01)
