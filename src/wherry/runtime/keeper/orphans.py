"""Children that the keeper did not ask for.

As a subreaper it inherits what a container's processes leave behind when the container shares the
host's pid namespace; those are reaped when they end, and otherwise left alone. And a launcher that
was killed may have made a child without having told: that one is killed.
"""

from __future__ import annotations

import os
from _signal import SIGKILL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_WALL = 0x40000000  # waitid(2)


def children() -> list[int]:
    """The pids of this (single-threaded) process's children, zombies included; see proc(5)."""
    pid = os.getpid()
    with open(f"/proc/{pid}/task/{pid}/children", "rb") as file:
        return [int(word) for word in file.read().split()]


def reap(known: Iterable[int]) -> None:
    """Reap the children that have ended, but for those that somebody else waits for."""
    for pid in set(children()).difference(known):
        try:
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | _WALL)
        except ChildProcessError:
            pass


def kill_strays(known: Iterable[int], executable: tuple[int, int]) -> None:
    """Kill unknown children that run `executable` (device and inode), as only a launcher's do.

    A child that has come further than that runs its container's program, and is in the
    container's cgroup, where the engine ends it when it cleans up.
    """
    for pid in set(children()).difference(known):
        if _executable(pid) == executable:
            os.kill(pid, SIGKILL)  # our own child, not reaped: the pid cannot be another's


def _executable(pid: int) -> tuple[int, int] | None:
    """Device and inode of what a process runs; None when it is gone or a zombie."""
    try:
        status = os.stat(f"/proc/{pid}/exe")
    except OSError:
        return None
    return status.st_dev, status.st_ino
