"""Names, kernel settings and limits of the container and its process."""

from __future__ import annotations

import _socket
import os

from wherry.kernel import libc, network, process
from wherry.kernel.rlimit import set_limit
from wherry.runtime.failure import Failure, reason
from wherry.runtime.steps.directory import open_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.runtime.start import Child

_EPERM = 1
_ENOENT = 2
_IOPRIO_WHO_PROCESS = 1


def hostname(_: Child, name: str) -> None:
    """Set the host name of our UTS namespace, at most 64 bytes."""
    _socket.sethostname(name)


def domainname(_: Child, name: str) -> None:
    """Set the NIS domain name of our UTS namespace, at most 64 bytes."""
    encoded = libc.encode(name)
    libc.call("setdomainname", encoded, len(encoded))


def loopback(_: Child) -> None:
    """Set the loopback interface up; 127.0.0.1 and ::1 come with it."""
    network.bring_up("lo")


def sysctl(_: Child, settings: list[tuple[str, str]]) -> None:
    """Write kernel settings: (path below /proc/sys, value)."""
    for path, value in settings:
        try:
            _write_setting(f"/proc/sys/{path}", str(value))
        except OSError as error:
            errno = error.errno or 0
            name = path.replace("/", ".")
            why = "this kernel has no such setting" if errno == _ENOENT else reason(errno)
            raise Failure(errno, f"sysctl {name}={value}: {why}") from None


def _write_setting(path: str, value: str) -> None:
    where = open_path(path)
    fd = os.open(f"/proc/self/fd/{where}", os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, value.encode())
    finally:
        os.close(fd)
        os.close(where)


def rlimits(_: Child, limits: list[tuple[int, int, int, str]]) -> None:
    """Set resource limits: (number, soft, hard, name)."""
    for number, soft, hard, name in limits:
        try:
            set_limit(number, soft, hard)
        except OSError as error:
            errno = error.errno or 0
            why = reason(errno)
            if errno == _EPERM:
                why += "; raising a hard limit needs CAP_SYS_RESOURCE, choose a lower one"
            raise Failure(errno, f"{name} {soft}:{hard}: {why}") from None


def io_priority(_: Child, value: int) -> None:
    """Set the I/O scheduling class and priority (ioprio_set(2))."""
    libc.call("ioprio_set", _IOPRIO_WHO_PROCESS, 0, value)


def personality(_: Child, persona: int) -> None:
    """Set the execution domain."""
    process.personality(persona)


def keyring(_: Child, name: str) -> None:
    """Leave the caller's session keyring for a new one."""
    process.join_session_keyring(name)


def umask(_: Child, mask: int) -> None:
    """Set the file mode creation mask."""
    os.umask(mask)
