"""The tables by architecture, and the calls that hide behind one number on 32 bit x86."""

from __future__ import annotations

from wherry.kernel.syscalls import aarch64, arm, i386, x32, x86_64

TABLES = {
    "x86_64": x86_64.RUNS,
    "i386": i386.RUNS,
    "x32": x32.RUNS,
    "aarch64": aarch64.RUNS,
    "arm": arm.RUNS,
}

MULTIPLEXED = {
    "socketcall": (
        (1, "socket bind connect listen accept getsockname getpeername socketpair send recv"),
        (11, "sendto recvfrom shutdown setsockopt getsockopt sendmsg recvmsg accept4"),
        (19, "recvmmsg sendmmsg"),
    ),
    "ipc": (
        (1, "semop semget semctl semtimedop"),
        (11, "msgsnd msgrcv msgget msgctl"),
        (21, "shmat shmdt shmget shmctl"),
    ),
}
"""Calls that i386 makes through socketcall(2) and ipc(2) as well: runs of the first argument."""


def numbers(architecture: str) -> dict[str, int]:
    """Name -> number; KeyError for an architecture that has no table."""
    return _expand(TABLES[architecture])


def multiplexed() -> dict[str, tuple[str, int]]:
    """Name -> (the call that it hides behind, "socketcall" or "ipc"; its first argument)."""
    return {
        name: (call, first)
        for call, runs in MULTIPLEXED.items()
        for name, first in _expand(runs).items()
    }


def _expand(runs: tuple[tuple[int, str], ...]) -> dict[str, int]:
    return {
        name: first + offset for first, names in runs for offset, name in enumerate(names.split())
    }
