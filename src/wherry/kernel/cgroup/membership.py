"""The processes of a cgroup: who they are, and signalling all of them."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def below(directory: str) -> Iterator[str]:
    """`directory` and every cgroup under it, children before their parents."""
    try:
        with os.scandir(directory) as entries:
            names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return
    for name in names:
        yield from below(f"{directory}/{name}")
    yield directory


def pids(directory: str) -> list[int]:
    """Processes here and in the cgroups under it, as this pid namespace numbers them, sorted."""
    found: set[int] = set()
    for cgroup in below(directory):
        found.update(_direct(cgroup))
    found.discard(0)  # a process of another pid namespace
    return sorted(found)


def _direct(directory: str) -> list[int]:
    try:
        with open(f"{directory}/cgroup.procs", "rb") as file:
            return [int(line) for line in file.read().split()]
    except OSError:  # ENOENT, ENODEV: removed in between
        return []


def signal_all(directory: str, signal: int) -> int:
    """Send `signal` to every process; how many there were. One that has ended is passed over."""
    members = pids(directory)
    for pid in members:
        try:
            os.kill(pid, signal)
        except ProcessLookupError:
            continue
    return len(members)


def move_all(directory: str, target: str) -> None:
    """Move every process into another cgroup. One that ends meanwhile is passed over."""
    for pid in pids(directory):
        try:
            with open(f"{target}/cgroup.procs", "w", encoding="ascii") as file:
                file.write(str(pid))
        except (ProcessLookupError, FileNotFoundError):
            continue
