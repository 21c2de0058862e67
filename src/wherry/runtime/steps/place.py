"""Where the process belongs: its cgroup, its namespaces, its chance to be killed for memory."""

from __future__ import annotations

import os

from wherry.kernel import namespace
from wherry.kernel.process import set_ids
from wherry.runtime.failure import Failure, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.runtime.start import Child

_ESRCH = 3


def oom_score_adj(_: Child, score: int) -> None:
    """Set the OOM score adjustment, -1000 to 1000; lowering it needs CAP_SYS_RESOURCE."""
    path = "/proc/self/oom_score_adj"
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        if int(os.read(fd, 16)) != score:
            os.pwrite(fd, str(score).encode(), 0)
    except PermissionError as error:
        why = "lowering it needs CAP_SYS_RESOURCE, which this machine does not grant"
        raise Failure(error.errno or 0, f"oom_score_adj {score}: {why}") from None
    finally:
        os.close(fd)


def cgroup(_: Child, tasks: list[str], private: bool) -> None:
    """Join the cgroup by writing "0" into each file, then make it the root of what we see.

    A process that moves itself is moved without the kernel's global thread group lock, which
    costs milliseconds where another one is moved by its number (decision 010).
    """
    for path in tasks:
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.write(fd, b"0")
            finally:
                os.close(fd)
        except OSError as error:
            errno = error.errno or 0
            raise Failure(errno, f"joining the cgroup by {path}: {reason(errno)}") from None
    if private:
        namespace.unshare(namespace.CLONE_NEWCGROUP)


def join(child: Child, flags: int) -> None:
    """Join all the container's namespaces at once; the root becomes the container's."""
    try:
        namespace.setns(child.target, flags)
    except OSError as error:
        if error.errno == _ESRCH:
            raise Failure(_ESRCH, "the container's process is gone") from None
        raise


def become_root(_: Child, unshared: int) -> None:
    """Be root of the user namespace, so that what is made from now on belongs to its root.

    `unshared`: namespaces in which the kernel makes files as whoever makes them (IPC: the root of
    /dev/mqueue); before, that was the host's root, who is nobody in here.
    """
    set_ids(0, 0, [])
    if unshared:
        namespace.unshare(unshared)
