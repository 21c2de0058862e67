"""`top`: a container's processes, as ps(1) on the host would show them, without needing a ps.

The formats that people ask for (`-ef`, `aux`, `-o list`) are worked out here from /proc; any other
option goes to the host's ps where there is one, as dockerd does it. Source of columns: ps(1).
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable, Sequence
from typing import Final

from wherry.engine.containers.processes import Process, memory_kib, read, user_name
from wherry.engine.values.containers import Processes
from wherry.errors import Internal, Invalid, Unsupported

Column = tuple[str, Callable[[Process], str]]


async def top(pids: Sequence[int], ps_args: str) -> Processes:
    """The processes with these pids, columns as `ps_args` ask. Raises Invalid, Unsupported."""
    columns = _columns(ps_args.split() or ["-ef"])
    if columns is None:
        return await _host_ps(pids, ps_args.split())
    found = [process for pid in sorted(pids) if (process := read(pid)) is not None]
    rows = tuple(tuple(value(process) for _, value in columns) for process in found)
    return Processes(tuple(title for title, _ in columns), rows)


def _columns(args: list[str]) -> list[Column] | None:
    """The columns of a known format; None for one that only ps knows."""
    options = {arg.lstrip("-") for arg in args}
    if options in ({"ef"}, {"e", "f"}):
        return [COLUMNS[key] for key in FULL]
    if options in ({"aux"}, {"a", "u", "x"}, {"axu"}):
        return [COLUMNS[key] for key in USER]
    if options in ({"e"}, {"A"}):
        return [COLUMNS[key] for key in PLAIN]
    return _format(args)


def _format(args: list[str]) -> list[Column] | None:
    """`-eo pid,comm`, `-o pid -o comm`, `o pid=NAME`: a list of columns, each with a title."""
    wanted: list[str] = []
    words = iter(args)
    for word in words:
        flags = word.lstrip("-")
        if flags in ("o", "eo", "axo", "Ao"):
            wanted += next(words, "").split(",")
        elif flags.startswith("o") and word.startswith("-"):
            wanted += flags[1:].split(",")
        elif flags not in ("e", "A", "ax"):
            return None
    columns = [_titled(word) for word in wanted if word]
    if not columns or None in columns:
        return None
    if not any(word.partition("=")[0] == "pid" for word in wanted):
        raise Invalid("Couldn't find PID field in ps output", hint="add pid to the columns")
    return [column for column in columns if column is not None]


def _titled(word: str) -> Column | None:
    name, separator, title = word.partition("=")
    column = COLUMNS.get(name.lower())
    if column is None:
        return None
    return (title, column[1]) if separator else column


def _start_time(process: Process) -> str:
    """The hour within a day, the day within a year, else the year."""
    age = time.time() - process.started
    form = "%H:%M" if age < 86_400 else "%b%d" if age < 365 * 86_400 else "%Y"
    return time.strftime(form, time.localtime(process.started))


def _long_time(process: Process) -> str:
    minutes, seconds = divmod(int(process.cpu_time), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return (f"{days}-" if days else "") + f"{hours:02}:{minutes:02}:{seconds:02}"


def _short_time(process: Process) -> str:
    minutes, seconds = divmod(int(process.cpu_time), 60)
    return f"{minutes}:{seconds:02}"


def _elapsed(process: Process) -> str:
    minutes, seconds = divmod(max(0, int(time.time() - process.started)), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    head = f"{days}-{hours:02}:" if days else f"{hours:02}:" if hours else ""
    return f"{head}{minutes:02}:{seconds:02}"


def _cpu_share(process: Process) -> float:
    return 100 * process.cpu_time / max(time.time() - process.started, 1.0)


def _memory_share(process: Process) -> str:
    return f"{100 * process.rss / memory_kib():.1f}"


def _status(process: Process) -> str:
    words = process.state
    words += "<" if process.nice < 0 else "N" if process.nice > 0 else ""
    words += "s" if process.sid == process.pid else ""
    return words + ("l" if process.threads > 1 else "")


COLUMNS: Final[dict[str, Column]] = {
    "uid": ("UID", lambda p: user_name(p.uid)),
    "user": ("USER", lambda p: user_name(p.uid)),
    "euser": ("EUSER", lambda p: user_name(p.uid)),
    "ruser": ("RUSER", lambda p: user_name(p.uid)),
    "gid": ("GID", lambda p: str(p.gid)),
    "pid": ("PID", lambda p: str(p.pid)),
    "ppid": ("PPID", lambda p: str(p.ppid)),
    "pgid": ("PGID", lambda p: str(p.pgid)),
    "sid": ("SID", lambda p: str(p.sid)),
    "c": ("C", lambda p: str(int(_cpu_share(p)))),
    "stime": ("STIME", _start_time),
    "start": ("START", _start_time),
    "tty": ("TTY", lambda p: p.tty),
    "tt": ("TT", lambda p: p.tty),
    "tname": ("TTY", lambda p: p.tty),
    "time": ("TIME", _long_time),
    "cputime": ("TIME", _long_time),
    "bsdtime": ("TIME", _short_time),
    "etime": ("ELAPSED", _elapsed),
    "cmd": ("CMD", lambda p: p.command),
    "args": ("COMMAND", lambda p: p.command),
    "command": ("COMMAND", lambda p: p.command),
    "comm": ("COMMAND", lambda p: p.name),
    "ucmd": ("CMD", lambda p: p.name),
    "%cpu": ("%CPU", lambda p: f"{_cpu_share(p):.1f}"),
    "pcpu": ("%CPU", lambda p: f"{_cpu_share(p):.1f}"),
    "%mem": ("%MEM", _memory_share),
    "pmem": ("%MEM", _memory_share),
    "vsz": ("VSZ", lambda p: str(p.vsz)),
    "rss": ("RSS", lambda p: str(p.rss)),
    "nlwp": ("NLWP", lambda p: str(p.threads)),
    "ni": ("NI", lambda p: str(p.nice)),
    "nice": ("NI", lambda p: str(p.nice)),
    "s": ("S", lambda p: p.state),
    "state": ("S", lambda p: p.state),
    "stat": ("STAT", _status),
}
FULL: Final = ("uid", "pid", "ppid", "c", "stime", "tty", "time", "cmd")
USER: Final = (
    "user", "pid", "%cpu", "%mem", "vsz", "rss", "tty", "stat", "start", "bsdtime", "command",
)  # fmt: skip
PLAIN: Final = ("pid", "tty", "time", "ucmd")


async def _host_ps(pids: Sequence[int], args: list[str]) -> Processes:
    program = shutil.which("ps")
    if program is None:
        raise Unsupported(
            f"ps options {' '.join(args)} need the host's ps, and there is none",
            hint="install procps, or use -ef, aux or -o pid,comm",
        )
    process = await asyncio.create_subprocess_exec(
        program, *args, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, complaint = await process.communicate()
    if process.returncode:
        raise Internal(f"ps: {complaint.decode(errors='replace').strip()}")
    return parse_ps(output.decode(errors="replace"), frozenset(pids))


def parse_ps(output: str, pids: frozenset[int]) -> Processes:
    """The rows of ps output that are about these pids. Raises Invalid without a PID column."""
    lines = output.splitlines()
    titles = lines[0].split() if lines else []
    if "PID" not in titles:
        raise Invalid("Couldn't find PID field in ps output", hint="add pid to the columns")
    position = titles.index("PID")
    rows = [tuple(line.split(None, len(titles) - 1)) for line in lines[1:]]
    return Processes(tuple(titles), tuple(row for row in rows if _is_of(row, position, pids)))


def _is_of(row: tuple[str, ...], position: int, pids: frozenset[int]) -> bool:
    return len(row) > position and row[position].isdigit() and int(row[position]) in pids
