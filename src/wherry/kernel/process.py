"""Processes as descriptors: clone3(2), pidfd_open(2), waiting, and the prctl(2) switches.

A child of `clone3` is a fork without Python's fork machinery: the caller must be single-threaded,
and the child must end in exec or `os._exit`.
"""

from __future__ import annotations

import _signal
import ctypes
import os
import struct

from wherry.kernel import libc
from wherry.kernel.fd import AT_EMPTY_PATH

CLONE_PARENT = 0x00008000
CLONE_PIDFD = 0x00001000
CLONE_INTO_CGROUP = 0x200000000  # Linux 5.7
SIGCHLD = 17

_WALL = 0x40000000  # waitid(2): children of any exit signal
_P_PIDFD = 3
_CLONE_ARGS = struct.Struct("=11Q")

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_KEEPCAPS = 8
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_KEYCTL_JOIN_SESSION_KEYRING = 1
_LAST_SIGNAL = 64


def clone3(flags: int, *, cgroup_fd: int = -1, exit_signal: int = 0) -> tuple[int, int]:
    """Fork with namespaces: (pid, pidfd) in the caller, (0, -1) in the child.

    `flags` are CLONE_NEW* and CLONE_PARENT; CLONE_PIDFD is always added, and CLONE_INTO_CGROUP
    where `cgroup_fd` (a cgroup v2 directory) is given. With CLONE_PARENT the exit signal must stay
    0: it is inherited. Raises OSError. Source: clone(2).
    """
    pidfd = ctypes.c_int(-1)
    flags |= CLONE_PIDFD | (CLONE_INTO_CGROUP if cgroup_fd >= 0 else 0)
    arguments = _CLONE_ARGS.pack(
        flags, ctypes.addressof(pidfd), 0, 0, exit_signal, 0, 0, 0, 0, 0, max(cgroup_fd, 0)
    )
    pid = libc.call("clone3", arguments, len(arguments))
    return (pid, pidfd.value) if pid else (0, -1)


def pidfd_open(pid: int) -> int:
    """A close-on-exec descriptor of a process. Raises ProcessLookupError where it is gone."""
    return os.pidfd_open(pid)


def pidfd_send_signal(pidfd: int, signal: int) -> None:
    """Send a signal. Raises ProcessLookupError where the process has been reaped."""
    _signal.pidfd_send_signal(pidfd, signal)


def wait_pidfd(pidfd: int, *, nohang: bool = False) -> int | None:
    """Reap the child behind `pidfd` and return its raw wait status (as wait(2) gives it).

    None where `nohang` is set and it still runs. Raises ChildProcessError where it is no child of
    the caller, or was reaped before.
    """
    options = os.WEXITED | _WALL | (os.WNOHANG if nohang else 0)
    info = os.waitid(_P_PIDFD, pidfd, options)
    if info is None:
        return None
    if info.si_code == os.CLD_EXITED:
        return info.si_status << 8
    return info.si_status | (0x80 if info.si_code == os.CLD_DUMPED else 0)


def prctl(option: int, *args: int) -> int:
    """prctl(2), for the switches that have no function of their own."""
    return libc.call("prctl", option, *args)


def set_child_subreaper() -> None:
    """Become the parent of orphaned descendants."""
    prctl(_PR_SET_CHILD_SUBREAPER, 1)


def set_pdeathsig(signal: int) -> None:
    """Get `signal` when the parent thread ends; 0 for none."""
    prctl(_PR_SET_PDEATHSIG, signal)


def set_no_new_privs() -> None:
    """Bar this process and its descendants from gaining rights by exec, for good."""
    prctl(_PR_SET_NO_NEW_PRIVS, 1)


def set_dumpable(dumpable: bool) -> None:
    """Whether others of the same user may trace this process and read its /proc files."""
    prctl(_PR_SET_DUMPABLE, int(dumpable))


def set_keepcaps(keep: bool) -> None:
    """Whether the permitted capabilities stay when all user ids leave 0."""
    prctl(_PR_SET_KEEPCAPS, int(keep))


def set_ids(uid: int, gid: int, groups: list[int] | None) -> None:
    """Become user `uid` and group `gid`; None leaves the supplementary groups as they are."""
    if groups is not None:
        os.setgroups(groups)
    if os.getresgid() != (gid, gid, gid):
        os.setresgid(gid, gid, gid)
    if os.getresuid() != (uid, uid, uid):
        os.setresuid(uid, uid, uid)


def personality(persona: int) -> None:
    """Set the execution domain (personality(2))."""
    libc.call("personality", persona)


def join_session_keyring(name: str) -> bool:
    """Start a session keyring of our own, so that the caller's keys are out of reach.

    False where the kernel has no keyrings or its quota is used up; no container should fail
    for either.
    """
    return libc.syscall("keyctl", _KEYCTL_JOIN_SESSION_KEYRING, libc.encode(name)) >= 0


def reset_signals() -> None:
    """Give every signal its default action and an empty mask.

    An ignored signal stays ignored through exec; Python itself ignores SIGPIPE and SIGXFSZ.
    """
    for number in range(1, _LAST_SIGNAL + 1):
        if number in (_signal.SIGKILL, _signal.SIGSTOP, 32, 33):  # 32 and 33 belong to glibc
            continue
        if _signal.getsignal(number) is not _signal.SIG_DFL:
            _signal.signal(number, _signal.SIG_DFL)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())


def execveat(fd: int, argv: list[str], env: dict[str, str]) -> None:
    """Execute the file behind `fd` (execveat(2) with AT_EMPTY_PATH). Returns only by OSError."""
    arguments = _vector([libc.encode(word) for word in argv])
    environment = _vector([libc.encode(f"{key}={value}") for key, value in env.items()])
    libc.call(
        "execveat",
        fd,
        b"",
        ctypes.addressof(arguments),
        ctypes.addressof(environment),
        AT_EMPTY_PATH,
    )


def _vector(words: list[bytes]) -> ctypes.Array[ctypes.c_char_p]:
    return (ctypes.c_char_p * (len(words) + 1))(*words, None)
