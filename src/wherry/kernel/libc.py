"""The door to the kernel: system calls by name, failures as OSError.

`PyDLL`, not `CDLL`: the callers are single-threaded, so giving up the interpreter lock around each
call would only cost time. Numbers are the kernel's own tables (`arch/*/entry/syscalls/*.tbl`);
from 424 on every architecture shares them.
"""

from __future__ import annotations

import ctypes
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import NoReturn

    Argument = int | bytes | None | ctypes.Array[ctypes.c_char]

# name: (x86_64, aarch64)
_NUMBERS = {
    "acct": (163, 89),
    "capget": (125, 90),
    "capset": (126, 91),
    "clone3": (435, 435),
    "close_range": (436, 436),
    "execveat": (322, 281),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "ioprio_set": (251, 30),
    "keyctl": (250, 219),
    "landlock_add_rule": (445, 445),
    "landlock_create_ruleset": (444, 444),
    "landlock_restrict_self": (446, 446),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "open_tree": (428, 428),
    "openat2": (437, 437),
    "personality": (135, 92),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "prctl": (157, 167),
    "prlimit64": (302, 261),
    "sched_setattr": (314, 274),
    "seccomp": (317, 277),
    "setdomainname": (171, 162),
    "setfsgid": (123, 152),
    "setfsuid": (122, 151),
    "sethostname": (170, 161),
    "setns": (308, 268),
    "syncfs": (306, 267),
    "umount2": (166, 39),
    "unshare": (272, 97),
}
_COLUMNS = {"x86_64": 0, "aarch64": 1}
_PADDING = ((0,) * 6, (0,) * 5, (0,) * 4, (0,) * 3, (0,) * 2, (0,), ())


def _numbers(machine: str) -> Mapping[str, int]:
    column = _COLUMNS.get(machine)
    if column is None:
        raise OSError(38, f"no system call numbers for the architecture {machine}")
    return {name: row[column] for name, row in _NUMBERS.items()}


_libc = ctypes.PyDLL(None, use_errno=True)
_syscall = _libc.syscall
_syscall.restype = ctypes.c_long
# void pointers take whole 64-bit integers, bytes, arrays and None alike.
_syscall.argtypes = (ctypes.c_long, *(ctypes.c_void_p,) * 6)
_number = _numbers(os.uname().machine)


def syscall(name: str, *args: Argument) -> int:
    """Make the system call `name` with up to six arguments; the raw result is -1 on failure.

    Strings must come as bytes (they end in a NUL of their own). `errno` of a failure is in
    `ctypes.get_errno()`; `check` reads it.
    """
    result: int = _syscall(_number[name], *args, *_PADDING[len(args)])
    return result


def check(result: int, call: str, path: str | None = None) -> int:
    """Return `result`, or raise OSError(errno, "call: reason", path) where it is negative."""
    if result < 0:
        fail(call, path)
    return result


def fail(call: str, path: str | None = None) -> NoReturn:
    """Raise OSError for the last failed system call."""
    errno = ctypes.get_errno()
    raise OSError(errno, f"{call}: {os.strerror(errno)}", path)


def call(name: str, *args: Argument, path: str | None = None) -> int:
    """Make a system call and raise OSError(errno, text, path) where it fails."""
    result: int = _syscall(_number[name], *args, *_PADDING[len(args)])
    if result < 0:
        fail(name, path)
    return result


def encode(path: str) -> bytes:
    """A path as the kernel wants it; bytes that are no UTF-8 survive as surrogates.

    Raises ValueError for an embedded NUL, which the kernel would take for the end.
    """
    data = os.fsencode(path)
    if b"\0" in data:
        raise ValueError("embedded null byte")
    return data
