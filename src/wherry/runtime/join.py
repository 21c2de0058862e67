"""Make a further process in a running container from a join plan."""

from __future__ import annotations

import os

from wherry.kernel.namespace import CLONE_NEWPID
from wherry.kernel.process import clone3, set_dumpable
from wherry.runtime import child as container_child
from wherry.runtime.failure import Failure, reason, text_of
from wherry.runtime.launch import Launched
from wherry.runtime.outside import open_source
from wherry.runtime.own_namespaces import Excursion
from wherry.runtime.start import Child

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Plan = dict[str, Any]

_ESRCH = 3


def join(plan: Plan, child: Child, flags: int) -> Launched:
    """Start the process that `plan` describes beside those of the container `plan["target"]`.

    Only the pid namespace must be entered before the child exists; it joins all others itself, with
    one setns(2) on the pidfd. Descriptors stay the caller's. Raises Failure.
    """
    child.target = child.fds[plan["target"][1]]
    into = _open_into(plan, child)
    entered = [(CLONE_NEWPID, child.target)] if plan["enter"] & CLONE_NEWPID else []
    try:
        with Excursion(entered):
            pid, pidfd = clone3(flags, cgroup_fd=into)
            if pid == 0:
                set_dumpable(False)
                container_child.run(plan, child)
    except OSError as error:
        gone = error.errno == _ESRCH
        text = "the container's process is gone" if gone else f"namespaces: {text_of(error)}"
        raise Failure(error.errno or 0, text, "join") from None
    finally:
        if into >= 0:
            os.close(into)
    return Launched(pid, pidfd, -1)


def _open_into(plan: Plan, child: Child) -> int:
    if not plan["into"]:
        return -1
    try:
        return open_source(plan["into"], child.fds)
    except OSError as error:
        errno = error.errno or 0
        raise Failure(errno, f"cgroup {plan['into']}: {reason(errno)}", "cgroup") from None
