"""Version 2 freezer and killer: `cgroup.freeze`, `cgroup.kill` (cgroup-v2.rst, "Core")."""

from __future__ import annotations

import errno
import select
import time
from os import O_CLOEXEC, O_RDONLY, close, pread
from os import open as open_file

from wherry.kernel.cgroup import interface

DEADLINE = 10.0


def freeze(directory: str) -> None:
    """Freeze all tasks, here and below; OSError ETIMEDOUT when one cannot be frozen in 10 s."""
    interface.write(directory, "cgroup.freeze", 1)
    path = f"{directory}/cgroup.events"
    fd = open_file(path, O_RDONLY | O_CLOEXEC)
    try:
        if not _wait_for(fd, b"frozen 1"):
            interface.write(directory, "cgroup.freeze", 0)
            raise OSError(errno.ETIMEDOUT, "unable to freeze", path)
    finally:
        close(fd)


def _wait_for(fd: int, line: bytes) -> bool:
    """The kernel signals each change of cgroup.events as POLLPRI; read again after it."""
    poll = select.poll()
    poll.register(fd, select.POLLPRI)
    end = time.monotonic() + DEADLINE
    while line not in pread(fd, 4096, 0).splitlines():
        remaining = end - time.monotonic()
        if remaining <= 0:
            return False
        poll.poll(min(remaining, 0.1) * 1000)
    return True


def thaw(directory: str) -> None:
    """Let all tasks go on."""
    interface.write(directory, "cgroup.freeze", 0)


def frozen(directory: str) -> bool:
    """Whether all tasks stand still."""
    return interface.read_table(directory, "cgroup.events").get("frozen") == 1


def kill(directory: str) -> bool:
    """SIGKILL to every process here and below at once; False where the kernel lacks it (< 5.14)."""
    if not interface.exists(directory, "cgroup.kill"):
        return False
    interface.write(directory, "cgroup.kill", 1)
    return True
