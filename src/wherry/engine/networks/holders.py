"""Who holds a port of the host: looked up only when a publication fails for it.

Sources: proc(5), /proc/net/tcp and its kin: local address, state and inode of every socket of this
network namespace; the owner is the process with a descriptor for that inode.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TABLES: Final = {"tcp": ("tcp", "tcp6"), "udp": ("udp", "udp6"), "sctp": ()}
_HOLDING: Final = {"tcp": "0A", "udp": "07"}
"""States that keep others from the port: LISTEN, and CLOSE, which is every unconnected UDP."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process by its number and the kernel's name for it."""

    pid: int
    name: str


def holder(proto: str, port: int) -> Process | None:
    """The process that holds a port; None where it cannot be told (another namespace's process)."""
    inodes = set(_inodes(proto, port))
    if not inodes:
        return None
    for entry in os.scandir("/proc"):
        if entry.name.isdigit() and _has_socket(entry.path, inodes):
            return Process(int(entry.name), _name(entry.path))
    return None


def _inodes(proto: str, port: int) -> Iterator[str]:
    for table in _TABLES[proto]:
        with contextlib.suppress(FileNotFoundError):
            for line in Path("/proc/net", table).read_text().splitlines()[1:]:
                fields = line.split()
                held = int(fields[1].rpartition(":")[2], 16)
                if held == port and fields[3] == _HOLDING[proto]:
                    yield f"socket:[{fields[9]}]"


def _has_socket(process: str, inodes: set[str]) -> bool:
    try:
        descriptors = list(os.scandir(f"{process}/fd"))
    except OSError:  # it ended meanwhile
        return False
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            if os.readlink(descriptor.path) in inodes:
                return True
    return False


def _name(process: str) -> str:
    try:
        return Path(process, "comm").read_text(errors="replace").strip()
    except OSError:
        return "?"
