"""One process over the keeper, as the daemon knows it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from wherry.engine.containers.keeper_client import KeeperClient, Reply
from wherry.engine.containers.keeper_stream import KeeperStream
from wherry.engine.containers.runtime import Exit, KeeperGone, LaunchError, Running, WindowSize
from wherry.engine.containers.stdin import PipeStdin, TerminalStdin
from wherry.errors import Conflict
from wherry.kernel import pty
from wherry.kernel.cgroup.cgroup import Cgroup

if TYPE_CHECKING:
    from wherry.engine.containers.ways import Way


class BuiltinProcess:
    """Owns duplicates of the keeper's descriptors; `container` is empty for a first process."""

    def __init__(
        self,
        client: KeeperClient,
        id: str,
        cgroup: Cgroup,
        way: Way,
        *,
        terminal: bool,
        container: str = "",
    ) -> None:
        self.way = way
        self.client = client
        self.id = id
        self.container = container
        self.cgroup = cgroup
        self.namespaces: Sequence[str] = ()
        self.stream = KeeperStream(client, id, terminal=terminal)
        self.exited: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        self.pid = 0
        self.pidfd = -1
        self.rootfs = -1

    @classmethod
    def from_row(
        cls, client: KeeperClient, row: Mapping[str, Any], cgroup: Cgroup, way: Way
    ) -> Self:
        """A process that the keeper knows from before (see `Process.describe` there)."""
        return cls(
            client, row["id"], cgroup, way, terminal=row["terminal"], container=row["container"]
        )

    def started(self, reply: Reply) -> None:
        """Take what the answer to start or exec brought."""
        self._take(reply.fds)
        self.pid = reply.fields["pid"]
        self.stream.begin = reply.fields["begin"]
        self.stream.directory = reply.fields["directory"]

    def adopted(self, reply: Reply, row: Mapping[str, Any]) -> None:
        """Take what the answer to adopt brought, and the state that the row tells."""
        self._take(reply.fds)
        self.pid = row["pid"]
        self.stream.begin = row["begin"]
        self.stream.directory = row["directory"]
        if row["status"] is not None:
            self.has_exited(row["status"], row["time"])
        if row["ended"]:
            self.stream.finish(row["end"])

    def running(self, execs: Mapping[str, Running] | None = None) -> Running:
        """The process as the engine sees it."""
        return Running(
            id=self.id,
            pid=self.pid,
            stream=self.stream,
            exited=self.exited,
            ended=self.stream.ended,
            container=self.container,
            execs=execs or {},
        )

    def signal(self, signo: int) -> None:
        """Send a signal. Raises Conflict when the process is gone."""
        try:
            signal.pidfd_send_signal(self.pidfd, signo)
        except ProcessLookupError as error:
            raise Conflict(f"{self.id} is not running") from error

    def resize(self, size: WindowSize) -> None:
        """Set the terminal's size; nothing happens when there is no terminal."""
        if self.stream.terminal and self.stream.stdin is not None:
            pty.set_winsize(self.stream.stdin.fileno(), size.height, size.width)

    def has_exited(self, status: int, time: int) -> None:
        """The keeper told of the exit. What the cgroup counted is read while it is there."""
        if self.exited.done():
            return
        oom = not self.container and self._oom()
        self.exited.set_result(Exit(status, time, oom))

    def fail(self, error: KeeperGone | LaunchError) -> None:
        """The keeper is gone; how the process ends will not be known."""
        if not self.exited.done():
            self.exited.set_exception(error)
            self.exited.exception()  # it is no fault of anybody if nobody asks
        self.stream.fail(KeeperGone(str(error)))

    def close(self) -> list[int]:
        """Close everything but the root's mount, which is the caller's to close. Idempotent."""
        if self.stream.stdin is not None:
            self.stream.stdin.discard()
        if self.pidfd >= 0:
            os.close(self.pidfd)
        rootfs = [self.rootfs] if self.rootfs >= 0 else []
        self.pidfd = self.rootfs = -1
        return rootfs

    def _oom(self) -> bool:
        try:
            return self.cgroup.oom_kills() > 0
        except OSError:
            return False  # the cgroup was taken away under us

    def _take(self, fds: Mapping[str, int]) -> None:
        self.pidfd = fds.get("pidfd", -1)
        self.rootfs = fds.get("rootfs", -1)
        if "pty" in fds:
            self.stream.stdin = TerminalStdin(fds["pty"], self._close_keeper_stdin)
        elif "stdin" in fds:
            self.stream.stdin = PipeStdin(fds["stdin"], self._close_keeper_stdin)

    async def _close_keeper_stdin(self) -> None:
        with contextlib.suppress(LaunchError, KeeperGone):  # the process is gone already
            await self.client.request("close_stdin", stream=self.id)
