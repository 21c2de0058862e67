"""How a runtime over the keeper makes, signals and clears up containers: our own way, or another's.

`BuiltinRuntime` has all that is the same for every container: cgroup, keeper, streams, exits. What
differs is a `Way`: ours (`OwnWay`), or another OCI runtime's command line
(`wherry.engine.containers.foreign.way`, imported on first use).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Final, Protocol

from wherry.engine.containers.builtin_plan import exec_plan, start_plan
from wherry.kernel.cgroup.cgroup import Cgroup

if TYPE_CHECKING:
    from wherry.engine.containers.runtime import Bundle, ExecProcess

BUNDLES: Final = "bundles"
STATES: Final = "runtimes"
"""Directories below the exec root: bundles of containers under other runtimes, and these runtimes'
own state."""

Plan = tuple[dict[str, Any], Sequence[int]]


class Started(Protocol):
    """What a way needs of a process: `container` is empty for a container's first one."""

    id: str
    container: str
    cgroup: Cgroup
    namespaces: Sequence[str]
    pidfd: int
    rootfs: int

    def signal(self, signo: int) -> None:
        """Send a signal to what the keeper is the parent of. Raises Conflict when it is gone."""


class Way(Protocol):
    """What is done differently from runtime to runtime. One object serves one container."""

    def note(self) -> Mapping[str, Any] | None:
        """What `ways.of_note` makes the same way of in a later daemon: plain values."""

    def start_plan(self, id: str, bundle: Bundle, cgroup: Cgroup) -> AbstractContextManager[Plan]:
        """The plan of the first process; its descriptors are open while the block lasts.

        Raises LaunchError.
        """

    def exec_plan(
        self, container: Started, exec_id: str, process: ExecProcess, cgroup: Cgroup
    ) -> Plan:
        """The plan of an exec; its descriptors stay the container's. Raises LaunchError."""

    def exec_cgroup(self, container: Cgroup, exec_id: str) -> Cgroup:
        """Where an exec is counted and killed apart from its container, made if needed."""

    async def signal(self, process: Started, signo: int) -> None:
        """Send a signal. Raises Conflict when the process is gone."""

    async def pause(self, process: Started) -> None:
        """Freeze a container. Raises OSError."""

    async def resume(self, process: Started) -> None:
        """Thaw it. Raises OSError."""

    def clear(self, id: str) -> None:
        """Remove what a container that is over, or did not start, has left; blocks. Idempotent."""


class OwnWay:
    """A plan that our launcher carries out; nothing is left that has to be cleared up."""

    def note(self) -> None:
        """See `Way.note`."""
        return

    def start_plan(self, id: str, bundle: Bundle, cgroup: Cgroup) -> AbstractContextManager[Plan]:
        """See `Way.start_plan`."""
        return start_plan(id, bundle, cgroup)

    def exec_plan(
        self, container: Started, exec_id: str, process: ExecProcess, cgroup: Cgroup
    ) -> Plan:
        """See `Way.exec_plan`."""
        return exec_plan(container.id, process, container.namespaces, cgroup), [container.pidfd]

    def exec_cgroup(self, container: Cgroup, exec_id: str) -> Cgroup:
        """See `Way.exec_cgroup`."""
        return container.child(exec_id)

    async def signal(self, process: Started, signo: int) -> None:
        """See `Way.signal`."""
        process.signal(signo)

    async def pause(self, process: Started) -> None:
        """See `Way.pause`."""
        await asyncio.to_thread(process.cgroup.freeze)

    async def resume(self, process: Started) -> None:
        """See `Way.resume`."""
        await asyncio.to_thread(process.cgroup.thaw)

    def clear(self, id: str) -> None:
        """See `Way.clear`."""


def remove_exec_cgroup(cgroup: Cgroup) -> None:
    """Remove an exec's own cgroup; the container's, which it shares elsewhere, stays.

    What the exec left in the background lives on as a part of the container, as in Docker.
    """
    own = Cgroup({name: path for name, path in cgroup.v1.items() if name == "freezer"}, cgroup.v2)
    with contextlib.suppress(OSError):
        own.give_up_members()
        own.remove()
