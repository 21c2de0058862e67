"""The end of a container: its processes, its cgroup, its directory, its last hooks."""

from __future__ import annotations

import select

from wherry.kernel import process
from wherry.runtime.failure import Failure
from wherry.runtime.oci import hooks
from wherry.runtime.oci.container import STOPPED, remove_directory
from wherry.runtime.oci.refusal import Refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.runtime.oci.container import Container
    from wherry.runtime.oci.report import Report

PATIENCE = 10.0


def signal(container: Container, number: int) -> None:
    """Send a signal to the first process; Refusal if it is not there.

    SIGKILL takes effect in a frozen version 1 cgroup only when it thaws.
    """
    if not container.alive():
        raise Refusal("container not running")
    try:
        pidfd = process.pidfd_open(container.pid)
    except ProcessLookupError:
        raise Refusal("container not running") from None
    process.pidfd_send_signal(pidfd, number)
    if number == 9 and container.cgroup.frozen():
        container.cgroup.thaw()


def kill(container: Container) -> None:
    """SIGKILL to everything inside, and wait until the first process is gone."""
    if container.alive():
        pidfd = process.pidfd_open(container.pid)
        signal(container, 9)
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        if not poll.poll(PATIENCE * 1000):
            raise Refusal("container init still running")
    container.cgroup.kill()


def destroy(container: Container, report: Report) -> None:
    """Remove what is left, then run the poststop hooks; a failing one is only reported."""
    container.cgroup.remove()
    remove_directory(container.directory)
    container.pid = 0
    try:
        hooks.run(container, "poststop", STOPPED)
    except Failure as failure:
        report.warning(failure.text)
