"""What /proc tells of a process, as far as ps(1) shows it. Source: proc(5), ps(1)."""

from __future__ import annotations

import functools
import os
import pwd
from dataclasses import dataclass

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024


@dataclass(frozen=True, slots=True)
class Process:
    """One process; sizes in KiB, times in seconds, `started` in seconds since the epoch."""

    pid: int
    ppid: int
    pgid: int
    sid: int
    uid: int
    gid: int
    state: str
    tty: str
    threads: int
    nice: int
    cpu_time: float
    started: float
    vsz: int
    rss: int
    name: str
    command: str


def read(pid: int) -> Process | None:
    """The process, or None when it is gone."""
    try:
        stat = _file(f"/proc/{pid}/stat")
        command = _file(f"/proc/{pid}/cmdline")
        owner = os.stat(f"/proc/{pid}")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name is in parentheses and may hold anything, parentheses and spaces too.
    name = stat[stat.index("(") + 1 : stat.rindex(")")]
    fields = stat[stat.rindex(")") + 2 :].split()
    words = command.rstrip("\0").replace("\0", " ")
    return Process(
        pid=pid,
        ppid=int(fields[1]),
        pgid=int(fields[2]),
        sid=int(fields[3]),
        uid=owner.st_uid,
        gid=owner.st_gid,
        state=fields[0],
        tty=tty_name(int(fields[4])),
        threads=int(fields[17]),
        nice=int(fields[16]),
        cpu_time=(int(fields[11]) + int(fields[12])) / CLOCK_TICKS,
        started=_boot_time() + int(fields[19]) / CLOCK_TICKS,
        vsz=int(fields[20]) // 1024,
        rss=int(fields[21]) * PAGE_KIB,
        name=name,
        command=words or f"[{name}]",
    )


def tty_name(device: int) -> str:
    """The terminal's name from its device number, "?" without one (major 136 to 143: pts)."""
    major, minor = os.major(device), os.minor(device)
    if 136 <= major <= 143:
        return f"pts/{(major - 136) * 256 + minor}"
    if major == 4 and minor < 64:
        return f"tty{minor}"
    return "?" if device == 0 else f"{major}:{minor}"


def user_name(uid: int) -> str:
    """The host's name of a user, or the number: the host is who ps asks, too."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


@functools.cache
def _boot_time() -> float:
    for line in _file("/proc/stat").splitlines():
        if line.startswith("btime "):
            return float(line.split()[1])
    return 0.0


def memory_kib() -> int:
    """The machine's memory in KiB."""
    for line in _file("/proc/meminfo").splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1])
    return 1


def _file(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()
