"""Which processes of this machine belong to an engine, seen from outside of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PROC = Path("/proc")


def pids() -> list[int]:
    """Every process id of the machine."""
    return [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]


def _read(pid: int, name: str) -> bytes:
    try:
        return (PROC / str(pid) / name).read_bytes()
    except OSError:  # ended meanwhile
        return b""


def parent(pid: int) -> int:
    """Parent of a process, 0 when it has ended."""
    fields = _read(pid, "stat").rpartition(b")")[2].split()
    return int(fields[1]) if fields else 0


def is_zombie(pid: int) -> bool:
    """Whether the process has ended and waits for its parent."""
    return _read(pid, "stat").rpartition(b")")[2].split()[:1] == [b"Z"]


def name(pid: int) -> str:
    """The kernel's short name of the process (proc(5), comm)."""
    return _read(pid, "comm").decode(errors="replace").strip()


def of(root: Path, cgroup_parent: str) -> dict[int, str]:
    """Processes of the engine at `root`, with their names.

    A process belongs to it when its command line names the engine's directory, when it is in a
    cgroup below the engine's parent, or when its parent process belongs to it.
    """
    everyone = pids()
    parents = {pid: parent(pid) for pid in everyone}
    marks = (str(root).encode() + b"/", cgroup_parent.encode() + b"/")
    mine = {
        pid
        for pid in everyone
        if (marks[0] in _read(pid, "cmdline") and _is_engine_process(pid, root))
        or marks[1] in _read(pid, "cgroup")
    }
    while more := {pid for pid, above in parents.items() if above in mine} - mine:
        mine |= more
    return {pid: name(pid) for pid in sorted(mine) if not is_zombie(pid) and name(pid)}


def _is_engine_process(pid: int, root: Path) -> bool:
    """A client that names the socket (`docker -H`) is no process of the engine."""
    return f"{root}/api.sock".encode() not in _read(pid, "cmdline") or b"-root=" in _read(
        pid, "cmdline"
    )


@cache
def cgroup_hierarchies() -> tuple[Path, ...]:
    """Mount points of all cgroup hierarchies, v1 and v2."""
    return tuple(_cgroup_mounts())


def _cgroup_mounts() -> Iterator[Path]:
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        front, _, back = line.partition(" - ")
        if back.split()[0] in ("cgroup", "cgroup2"):
            yield Path(front.split()[4])


def cgroups(cgroup_parent: str) -> set[str]:
    """Directories below the engine's cgroup parent, in every hierarchy."""
    found: set[str] = set()
    for hierarchy in cgroup_hierarchies():
        top = hierarchy / cgroup_parent.lstrip("/")
        # Not glob: directories go while we look, which os.walk passes over.
        found |= {os.path.join(above, name) for above, names, _ in os.walk(top) for name in names}
    return found


def namespaces(members: dict[int, str], kind: str) -> set[str]:
    """Identities of the namespaces (`net`, `mnt`, ...) that these processes are in."""
    found = set()
    for pid in members:
        try:
            found.add(str((PROC / str(pid) / "ns" / kind).readlink()))
        except OSError:
            continue
    return found


def proportional_set_size(pid: int) -> int:
    """Bytes of memory of a process, shared pages by share (proc(5), smaps_rollup Pss)."""
    return _rollup(pid, b"Pss:")


def resident_set_size(pid: int) -> int:
    """Bytes of memory of a process, shared pages in full."""
    return _rollup(pid, b"Rss:")


def _rollup(pid: int, field: bytes) -> int:
    for line in _read(pid, "smaps_rollup").splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    return 0
