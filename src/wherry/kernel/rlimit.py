"""Resource limits of a process (prlimit(2))."""

from __future__ import annotations

import struct

from wherry.kernel import libc

# name in an OCI spec: number (include/uapi/asm-generic/resource.h)
RESOURCES = {
    "RLIMIT_CPU": 0,
    "RLIMIT_FSIZE": 1,
    "RLIMIT_DATA": 2,
    "RLIMIT_STACK": 3,
    "RLIMIT_CORE": 4,
    "RLIMIT_RSS": 5,
    "RLIMIT_NPROC": 6,
    "RLIMIT_NOFILE": 7,
    "RLIMIT_MEMLOCK": 8,
    "RLIMIT_AS": 9,
    "RLIMIT_LOCKS": 10,
    "RLIMIT_SIGPENDING": 11,
    "RLIMIT_MSGQUEUE": 12,
    "RLIMIT_NICE": 13,
    "RLIMIT_RTPRIO": 14,
    "RLIMIT_RTTIME": 15,
}
INFINITY = 2**64 - 1
_RLIMIT64 = struct.Struct("=2Q")


def set_limit(resource: int, soft: int, hard: int, pid: int = 0) -> None:
    """Set one limit of `pid` (0: ourselves); -1 and INFINITY both mean none.

    EPERM: raising a hard limit needs CAP_SYS_RESOURCE. EINVAL: soft is above hard.
    """
    limits = _RLIMIT64.pack(soft & INFINITY, hard & INFINITY)
    libc.call("prlimit64", pid, resource, limits, None)
