"""Processes in cgroups, for the checks that run in the guest."""

from __future__ import annotations

import os
import subprocess
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wherry.kernel.cgroup.cgroup import Cgroup
from wherry.kernel.cgroup.hierarchy import detect

PATIENCE = 60.0
"""Seconds to wait for what happens soon: the guest's processors are slow."""


def make(resources: dict[str, Any] | None = None) -> Cgroup:
    """A fresh cgroup below a parent that stays for the life of the guest."""
    return Cgroup.create(detect(), f"/check/{uuid.uuid4().hex}", resources or {})


def start(cgroup: Cgroup, *command: str, **more: Any) -> subprocess.Popen[bytes]:
    """A process that joins by itself, as a container's child does."""

    def enter() -> None:
        for path in cgroup.task_files():
            fd = os.open(path, os.O_WRONLY)
            os.write(fd, b"0")
            os.close(fd)

    return subprocess.Popen(command, preexec_fn=enter, **more)


def shell(cgroup: Cgroup, script: str) -> subprocess.CompletedProcess[str]:
    """Run a script inside to its end."""
    process = start(cgroup, "sh", "-c", script, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output, _ = process.communicate(timeout=PATIENCE)
    return subprocess.CompletedProcess(script, process.returncode, output.decode(), "")


def text(cgroup: Cgroup, name: str) -> str:
    """What the kernel says in an interface file."""
    return Path(cgroup.v2, name).read_text().strip()


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait for something that happens soon."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)
