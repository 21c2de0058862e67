"""update: change the limits of a container."""

from __future__ import annotations

import sys

from wherry import jsontext
from wherry.runtime.oci.container import load, the_only
from wherry.runtime.oci.flags import NUMBER, TEXT
from wherry.runtime.oci.refusal import Refusal
from wherry.spec import runtime_shape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.runtime.oci.main import Context

SETTINGS = (
    ("blkio-weight", NUMBER, "blockIO.weight", "per cgroup weight, range is from 10 to 1000"),
    ("cpu-period", NUMBER, "cpu.period", "CPU CFS period in µs, 0 to use system default"),
    ("cpu-quota", NUMBER, "cpu.quota", "CPU time in µs allowed in a period"),
    ("cpu-burst", NUMBER, "cpu.burst", "CPU time in µs that may be saved for later"),
    ("cpu-share", NUMBER, "cpu.shares", "CPU shares (relative weight)"),
    ("cpu-rt-period", NUMBER, "cpu.realtimePeriod", "CPU realtime period in µs"),
    ("cpu-rt-runtime", NUMBER, "cpu.realtimeRuntime", "CPU realtime limit in µs"),
    ("cpu-idle", NUMBER, "cpu.idle", "1 for SCHED_IDLE, 0 for normal"),
    ("cpuset-cpus", TEXT, "cpu.cpus", "CPU(s) to use"),
    ("cpuset-mems", TEXT, "cpu.mems", "memory node(s) to use"),
    ("memory", TEXT, "memory.limit", "memory limit (in bytes)"),
    ("memory-reservation", TEXT, "memory.reservation", "soft memory limit (in bytes)"),
    ("memory-swap", TEXT, "memory.swap", "memory plus swap; -1 for unlimited swap"),
    ("pids-limit", NUMBER, "pids.limit", "maximum number of tasks"),
)
"""(flag, kind, where in linux.resources, help)."""
MEMORY_FLAGS = ("memory", "memory-reservation", "memory-swap")
UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40, "p": 1 << 50}

ROWS = (
    ("resources,r", TEXT, "path to a file with the resources to update, '-' for standard input"),
    *((flag, kind, text) for flag, kind, _, text in SETTINGS),
)
ARGUMENTS = "<container-id>"


def run(context: Context, options: dict[str, Any], words: list[str]) -> int:
    """Write what is named; the rest stays, and state.json learns of it."""
    container = load(context.root, the_only(words, "update"))
    changes = _from_file(options["resources"]) if options["resources"] else _from_flags(options)
    container.cgroup.update({key: value for key, value in changes.items() if key != "devices"})
    resources = container.spec.setdefault("linux", {}).setdefault("resources", {})
    for kind, settings in changes.items():
        if isinstance(settings, dict):
            resources[kind] = {**(resources.get(kind) or {}), **settings}
        else:
            resources[kind] = settings
    container.save()
    return 0


def _from_file(path: str) -> dict[str, Any]:
    value = jsontext.decode(sys.stdin.read()) if path == "-" else jsontext.read(path)
    for problem in runtime_shape.mismatches(value, runtime_shape.RESOURCES, "resources"):
        raise Refusal(problem)
    return {kind: settings for kind, settings in value.items() if settings}


def _from_flags(options: dict[str, Any]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for flag, _, where, _ in SETTINGS:
        if flag in options[""]:
            kind, _, name = where.partition(".")
            value = size(flag, options[flag]) if flag in MEMORY_FLAGS else options[flag]
            changes.setdefault(kind, {})[name] = value
    return changes


def size(flag: str, text: str) -> int:
    """Bytes of "64m", "1073741824", "-1"; Refusal for anything else."""
    if text == "-1":
        return -1
    number = text.lower().removesuffix("b").rstrip("kmgtp")
    unit = text.lower().removesuffix("b")[len(number) :]
    if not number.isdecimal() or unit not in UNITS:
        raise Refusal(f"invalid value for {flag}: invalid size: '{text}'")
    return int(number) * UNITS[unit]
