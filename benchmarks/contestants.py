"""The engines and runtimes that a benchmark compares, each on a fresh file system.

ext4 searches for inodes that were freed within the last half minute whenever it makes new ones, so
that repeated creation and deletion on a used file system measures the past; each engine therefore
gets an ext4 of its own in a file.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.measure import Account
from tests import images
from tests.engines import ENGINES, Engine

DISK_SIZE = "12G"  # sparse


class Podman:
    """podman with crun, its state below one directory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.command = [
            "podman",
            f"--root={root / 'storage'}",
            f"--runroot={root / 'run'}",
            "--cgroup-manager=cgroupfs",
            "--events-backend=none",
            "--runtime=crun",
        ]

    def run(self, *arguments: str, stdin: bytes | None = None) -> None:
        """Run a podman command. Raises CalledProcessError."""
        command = [*self.command, *arguments]
        subprocess.run(command, input=stdin, check=True, capture_output=True)

    def run_true(self) -> None:
        """`run --rm` of `true`; with small limits, since raising them takes CAP_SYS_RESOURCE."""
        limits = ("--ulimit=nofile=1024:1024", "--ulimit=nproc=1000:1000")
        self.run("run", "--rm", "--network=none", *limits, "localhost/busybox", "true")

    def stop(self) -> None:
        """Remove every container."""
        self.run("rm", "--all", "--force", "--time=0")


@dataclass(slots=True)
class Contestants:
    """Everything that is installed and started, and why the rest is missing."""

    directory: Path
    engines: dict[str, Engine] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    podman: Podman | None = None
    bundle: Path | None = None
    missing: dict[str, str] = field(default_factory=dict)

    def start(self) -> None:
        """Start whatever can be started here."""
        for kind in ENGINES:
            self._try(kind, self._start_engine)
        self._try("podman", self._start_podman)
        for runtime in ("runc", "crun"):
            if shutil.which(runtime):
                self.accounts[runtime] = Account(runtime)
            else:
                self.missing[runtime] = "not installed"
        self.bundle = self._make_bundle()

    def _try(self, name: str, start: Callable[[str], None]) -> None:
        try:
            start(name)
        except (OSError, RuntimeError, AssertionError, subprocess.CalledProcessError) as error:
            detail = getattr(error, "stderr", b"") or b""
            self.missing[name] = f"{error} {detail.decode(errors='replace')}".strip()[-600:]

    def _start_engine(self, kind: str) -> None:
        if kind == "dockerd" and not shutil.which("dockerd"):
            raise OSError("not installed")
        engine = ENGINES[kind](self._disk(kind))
        account = Account(kind, [engine.cgroup_parent])
        account.enter()  # the daemon inherits the account
        try:
            engine.start()
        finally:
            account.leave()
        self.engines[kind], self.accounts[kind] = engine, account
        engine.output("load", stdin=images.busybox_archive())

    def _start_podman(self, name: str) -> None:
        if not (shutil.which("podman") and shutil.which("crun")):
            raise OSError("podman or crun is not installed")
        podman = Podman(self._disk(name))
        podman.run("load", stdin=images.busybox_archive("localhost/busybox:latest"))
        podman.run_true()
        self.podman, self.accounts[name] = podman, Account(name, ["/libpod_parent"])

    def _disk(self, name: str) -> Path:
        image, point = self.directory / f"{name}.ext4", self.directory / name
        point.mkdir()
        subprocess.run(["truncate", f"--size={DISK_SIZE}", image], check=True)
        make: list[str | Path] = ["mkfs.ext4", "-q", "-E", "lazy_itable_init=1", image]
        subprocess.run(make, check=True, capture_output=True)
        subprocess.run(["mount", "-o", "loop", image, point], check=True, capture_output=True)
        return point

    def _make_bundle(self) -> Path:
        """A bare OCI bundle of busybox: `runc spec` with `true`, no terminal, no network."""
        bundle = self._disk("bundle")
        root = bundle / "rootfs"
        root.mkdir()
        subprocess.run(["tar", "-x", "-C", root], input=images.busybox_layer(), check=True)
        if shutil.which("runc"):
            subprocess.run(["runc", "spec"], cwd=bundle, check=True)
            config = bundle / "config.json"
            spec = json.loads(config.read_text())
            spec["process"] |= {"terminal": False, "args": ["true"]}
            config.write_text(json.dumps(spec))
        return bundle

    def stop(self) -> None:
        """End everything that was started."""
        for engine in self.engines.values():
            engine.stop()
        if self.podman:
            self.podman.stop()
        for account in self.accounts.values():
            account.close()
        for point in self.directory.iterdir():
            if point.is_mount():
                subprocess.run(["umount", "--recursive", point], check=False)
