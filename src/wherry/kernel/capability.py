"""Capabilities: names, numbers and the five sets of a thread (capabilities(7))."""

from __future__ import annotations

import ctypes
import os
import struct

from wherry.kernel import libc
from wherry.kernel.process import prctl

# The position is the number (include/uapi/linux/capability.h).
NAMES = (
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID",
    "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK",
    "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG",
    "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
)  # fmt: skip
NUMBERS = {name: number for number, name in enumerate(NAMES)}

_VERSION_3 = 0x20080522
_HEADER = struct.pack("=Ii", _VERSION_3, 0)
_DATA = struct.Struct("=6I")  # effective, permitted, inheritable: low words, then high words
_LOW = 0xFFFFFFFF

_PR_CAPBSET_READ = 23
_PR_CAPBSET_DROP = 24
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_PR_CAP_AMBIENT_CLEAR_ALL = 4


def mask(names: list[str]) -> int:
    """The bits of capabilities given by name ("CAP_CHOWN"). Raises KeyError for an unknown one."""
    bits = 0
    for name in names:
        bits |= 1 << NUMBERS[name]
    return bits


def names(bits: int) -> list[str]:
    """The inverse of `mask`, in the order of the numbers."""
    return [name for number, name in enumerate(NAMES) if bits >> number & 1]


def last_cap() -> int:
    """The highest capability that this kernel knows."""
    with open("/proc/sys/kernel/cap_last_cap", "rb") as file:
        return int(file.read())


def get_caps() -> tuple[int, int, int]:
    """(effective, permitted, inheritable) of the calling thread, as bits."""
    data = ctypes.create_string_buffer(_DATA.size)
    libc.call("capget", _HEADER, data)
    words = _DATA.unpack(data.raw)
    return (
        words[0] | words[3] << 32,
        words[1] | words[4] << 32,
        words[2] | words[5] << 32,
    )


def set_caps(effective: int, permitted: int, inheritable: int) -> None:
    """Set the three sets. EPERM: permitted can only shrink, effective not exceed it."""
    low = (effective & _LOW, permitted & _LOW, inheritable & _LOW)
    high = (effective >> 32, permitted >> 32, inheritable >> 32)
    libc.call("capset", _HEADER, _DATA.pack(*low, *high))


def get_bounding() -> int:
    """The bounding set, as bits."""
    bits = 0
    for number in range(len(NAMES)):
        if libc.syscall("prctl", _PR_CAPBSET_READ, number) == 1:
            bits |= 1 << number
    return bits


def drop_bounding(keep: int) -> None:
    """Take everything that is not in `keep` out of the bounding set, for good."""
    number = 0
    while True:
        if not keep >> number & 1 and libc.syscall("prctl", _PR_CAPBSET_DROP, number) < 0:
            if ctypes.get_errno() == 22:  # EINVAL: this kernel knows no higher one
                return
            libc.fail("prctl(PR_CAPBSET_DROP)")
        number += 1
        if number == 64:
            return


def set_ambient(bits: int) -> None:
    """Make exactly `bits` ambient; each must be permitted and inheritable."""
    prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    for number in range(len(NAMES)):
        if bits >> number & 1:
            prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, number)


class FilesystemIds:
    """A scope in which files are made and judged as of another user, with all capabilities kept.

    Leaving user 0 for a moment takes the file system capabilities out of the effective set
    (capabilities(7)); they are put back at once. Raises OSError.
    """

    __slots__ = ("_gid", "_uid")

    def __init__(self, uid: int, gid: int) -> None:
        self._uid = uid
        self._gid = gid

    def __enter__(self) -> None:
        libc.syscall("setfsgid", self._gid)
        libc.syscall("setfsuid", self._uid)
        _, permitted, inheritable = get_caps()
        set_caps(permitted, permitted, inheritable)

    def __exit__(self, *_: object) -> None:
        libc.syscall("setfsuid", os.geteuid())
        libc.syscall("setfsgid", os.getegid())
