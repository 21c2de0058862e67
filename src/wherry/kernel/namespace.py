"""Namespaces: flags, OCI names, joining, leaving, id maps (namespaces(7), user_namespaces(7))."""

from __future__ import annotations

import _signal
import os

from wherry.kernel import libc
from wherry.kernel.process import SIGCHLD, clone3, pidfd_open, pidfd_send_signal, wait_pidfd

CLONE_NEWTIME = 0x00000080
CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

# OCI name (config-linux.md, namespaces): (flag, name below /proc/PID/ns)
NAMESPACES = {
    "user": (CLONE_NEWUSER, "user"),
    "cgroup": (CLONE_NEWCGROUP, "cgroup"),
    "ipc": (CLONE_NEWIPC, "ipc"),
    "uts": (CLONE_NEWUTS, "uts"),
    "network": (CLONE_NEWNET, "net"),
    "pid": (CLONE_NEWPID, "pid"),
    "time": (CLONE_NEWTIME, "time"),
    "mount": (CLONE_NEWNS, "mnt"),
}

_SIGKILL = 9


def unshare(flags: int) -> None:
    """Leave the namespaces named by `flags` for new ones (unshare(2))."""
    libc.call("unshare", flags)


def setns(fd: int, flags: int) -> None:
    """Join the namespace behind `fd`, or with a pidfd all those of the process named by `flags`."""
    libc.call("setns", fd, flags)


def open_own(name: str) -> int:
    """A descriptor of one of our own namespaces, by its name below /proc/self/ns."""
    return os.open(f"/proc/self/ns/{name}", os.O_RDONLY | os.O_CLOEXEC)


def id_map(mappings: list[tuple[int, int, int]]) -> bytes:
    """Lines for uid_map and gid_map from (id inside, id outside, count)."""
    return "".join(f"{inside} {outside} {size}\n" for inside, outside, size in mappings).encode()


def write_id_maps(pid: int, uid_map: bytes, gid_map: bytes) -> None:
    """Give the user namespace of `pid` its maps; each can be written once only."""
    for name, content in (("uid_map", uid_map), ("gid_map", gid_map)):
        _write(f"/proc/{pid}/{name}", content)


def write_time_offsets(offsets: list[tuple[str, int, int]]) -> None:
    """Set clocks of the time namespace made for our children: (clock, seconds, nanoseconds).

    Clocks are "monotonic" and "boottime". Possible only while no process is in it.
    """
    lines = "".join(f"{clock} {seconds} {nanos}\n" for clock, seconds, nanos in offsets)
    _write("/proc/self/timens_offsets", lines.encode())


def open_mapped_user_namespace(uid_map: bytes, gid_map: bytes) -> int:
    """A user namespace that exists only for its maps, as MOUNT_ATTR_IDMAP wants one."""
    pid, pidfd = clone3(CLONE_NEWUSER, exit_signal=SIGCHLD)
    if pid == 0:
        _sleep_for_good()
    try:
        write_id_maps(pid, uid_map, gid_map)
        return os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        _end(pidfd)


def open_network_namespace_of_own(uid_map: bytes, gid_map: bytes) -> tuple[int, int]:
    """A new user namespace with these maps, and a network namespace that belongs to it.

    Who joins both is the network's master, and nobody else's. In this order, as descriptors.
    """
    pid, pidfd = clone3(CLONE_NEWUSER | CLONE_NEWNET, exit_signal=SIGCHLD)
    if pid == 0:
        _sleep_for_good()
    try:
        write_id_maps(pid, uid_map, gid_map)
        userns = os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
        try:
            return userns, os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            os.close(userns)
            raise
    finally:
        _end(pidfd)


def open_network_namespace_in(userns: int) -> int:
    """A new network namespace that belongs to the user namespace behind `userns`.

    Made by a process of its own: no thread may change its user namespace alone (setns(2)). Raises
    OSError.
    """
    ready, its = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()  # not `clone3`: the child goes on in Python, and threads may hold its locks
    if pid == 0:
        _sleep_inside(userns, its, CLONE_NEWNET)
    os.close(its)
    pidfd = pidfd_open(pid)
    try:
        if errno := int.from_bytes(os.read(ready, 1)):
            raise OSError(errno, f"network namespace: {os.strerror(errno)}")
        return os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(ready)
        _end(pidfd)


def read_id_maps(userns: int) -> tuple[bytes, bytes]:
    """The contents of uid_map and gid_map of the user namespace behind `userns`, as we see them.

    They can be read from a process inside only, so one is put there for the moment.
    """
    ready, its = os.pipe2(os.O_CLOEXEC)
    pid, pidfd = clone3(0, exit_signal=SIGCHLD)
    if pid == 0:
        _sleep_inside(userns, its)
    os.close(its)
    try:
        if errno := int.from_bytes(os.read(ready, 1)):
            raise OSError(errno, f"setns: {os.strerror(errno)}")
        return _read(f"/proc/{pid}/uid_map"), _read(f"/proc/{pid}/gid_map")
    finally:
        os.close(ready)
        _end(pidfd)


def outside(id_map: bytes, inside: int) -> int:
    """What `inside` is outside of the namespace; 65534, the kernel's nobody, where not mapped."""
    for line in id_map.decode().splitlines():
        first, there, size = map(int, line.split())
        if first <= inside < first + size:
            return there + inside - first
    return 65534


def _sleep_inside(userns: int, ready: int, new: int = 0) -> None:
    try:
        setns(userns, CLONE_NEWUSER)
        unshare(new)
        os.write(ready, b"\0")
    except OSError as error:
        os.write(ready, bytes([error.errno or 22]))
    _sleep_for_good()


def _end(pidfd: int) -> None:
    pidfd_send_signal(pidfd, _SIGKILL)
    wait_pidfd(pidfd)
    os.close(pidfd)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _sleep_for_good() -> None:
    while True:
        _signal.pause()


def _write(path: str, content: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, content)
    except OSError as error:
        raise OSError(error.errno, f"write: {os.strerror(error.errno or 0)}", path) from None
    finally:
        os.close(fd)
