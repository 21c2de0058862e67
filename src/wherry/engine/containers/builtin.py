"""The runtime: a cgroup, the keeper, and a way to make containers (`ways`): ours as a rule."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from wherry.engine.containers.builtin_process import BuiltinProcess
from wherry.engine.containers.keeper_client import KeeperClient
from wherry.engine.containers.keeper_start import socket_path, start_keeper
from wherry.engine.containers.runtime import (
    Bundle,
    ExecProcess,
    Exit,
    KeeperGone,
    LaunchError,
    LogTarget,
    Running,
    WindowSize,
)
from wherry.engine.containers.ways import BUNDLES, STATES, OwnWay, Way, remove_exec_cgroup
from wherry.errors import Conflict, NotFound
from wherry.kernel.cgroup.cgroup import Cgroup
from wherry.kernel.cgroup.hierarchy import Hierarchies, detect
from wherry.runtime import protocol

if TYPE_CHECKING:
    from wherry.engine.containers.foreign.programs import OciProgram

_log = logging.getLogger(__name__)


class BuiltinRuntime:
    """See `runtime.Runtime`. Make it with `open`; `close` leaves everything running."""

    def __init__(self, exec_root: str, kept: Sequence[str], hierarchies: Hierarchies) -> None:
        self._exec_root = exec_root
        self._kept = kept
        self._hierarchies = hierarchies
        self._connecting = asyncio.Lock()
        self._client: KeeperClient | None = None
        self._processes: dict[str, BuiltinProcess] = {}
        self._letting_go: dict[str, asyncio.Task[None]] = {}
        self._own = OwnWay()

    @classmethod
    async def open(cls, exec_root: str, data_root: str) -> Self:
        """Connect to the keeper of `exec_root`, which is started when there is none.

        What it runs is found again (`list`). Raises KeeperGone.
        """
        runtime = cls(exec_root, (data_root,), await asyncio.to_thread(detect))
        client = await runtime._connected()
        await runtime._find_again(client)
        if os.path.isdir(f"{exec_root}/{BUNDLES}"):
            from wherry.engine.containers.foreign.way import sweep

            await asyncio.to_thread(sweep, exec_root, frozenset(runtime._processes))
        return runtime

    def close(self) -> None:
        """Hang up on the keeper and close descriptors; what runs goes on. Idempotent."""
        if self._client is not None:
            self._client.close()
        for process in self._processes.values():
            process.close()
        self._processes.clear()

    async def shutdown_keeper(self) -> None:
        """Have the keeper leave. Raises Conflict while something runs."""
        client = await self._connected()
        if self._letting_go:
            await asyncio.wait(self._letting_go.values())
        try:
            await client.request("shutdown")
        except LaunchError as error:
            raise Conflict(f"the keeper cannot leave: {error.text}") from error
        await asyncio.wait([client.lost])
        for name in (BUNDLES, STATES):
            await asyncio.to_thread(shutil.rmtree, f"{self._exec_root}/{name}", ignore_errors=True)

    async def start(self, id: str, bundle: Bundle) -> Running:
        """See `runtime.Runtime.start`."""
        client = await self._connected()
        self._refuse_known(id)
        if id in self._letting_go:
            await asyncio.wait([self._letting_go[id]])
        path = bundle.spec["linux"]["cgroupsPath"]
        resources = bundle.spec["linux"].get("resources") or {}
        try:
            cgroup = Cgroup.create(self._hierarchies, path, resources)
        except OSError as error:
            raise LaunchError("cgroup", error.errno or 0, _sentence(error)) from error
        way = self._way(bundle.program)
        process = BuiltinProcess(client, id, cgroup, way, terminal=bundle.terminal)
        process.namespaces = [n["type"] for n in bundle.spec["linux"].get("namespaces") or ()]
        try:
            with way.start_plan(id, bundle, cgroup) as (plan, fds):
                # To be found again by the next daemon.
                note = {"cgroup": path, "namespaces": process.namespaces, "way": way.note()}
                log = _log_of(bundle.log, id)
                await self._launch(
                    process, "start", plan, fds, bundle, log=log, note=protocol.encode(note)
                )
        except BaseException:
            await asyncio.shield(asyncio.to_thread(_unmake, way, id, cgroup))
            raise
        return process.running()

    async def exec(self, id: str, exec_id: str, process: ExecProcess) -> Running:
        """See `runtime.Runtime.exec`."""
        client = await self._connected()
        container = self._alive(id)
        self._refuse_known(exec_id)
        way = container.way
        cgroup = way.exec_cgroup(container.cgroup, exec_id)
        started = BuiltinProcess(
            client, exec_id, cgroup, way, terminal=process.terminal, container=id
        )
        try:
            plan, fds = way.exec_plan(container, exec_id, process, cgroup)
            await self._launch(started, "exec", plan, fds, process, container=id, note=None)
        except BaseException:
            await asyncio.shield(asyncio.to_thread(remove_exec_cgroup, cgroup))
            raise
        return started.running()

    async def signal(self, id: str, signo: int) -> None:
        """See `runtime.Runtime.signal`."""
        process = self._alive(id)
        await process.way.signal(process, signo)

    async def pause(self, id: str) -> None:
        """See `runtime.Runtime.pause`."""
        process = self._alive(id)
        await process.way.pause(process)

    async def resume(self, id: str) -> None:
        """See `runtime.Runtime.resume`."""
        process = self._alive(id)
        await process.way.resume(process)

    async def resize(self, id: str, size: WindowSize) -> None:
        """See `runtime.Runtime.resize`."""
        self._alive(id).resize(size)

    async def pids(self, id: str) -> list[int]:
        """See `runtime.Runtime.pids`."""
        return self._alive(id).cgroup.pids()

    async def update(self, id: str, resources: Mapping[str, Any]) -> None:
        """See `runtime.Runtime.update`. Raises OSError for a limit that the kernel refuses."""
        await asyncio.to_thread(self._alive(id).cgroup.update, dict(resources))

    async def stats(self, id: str) -> Mapping[str, Any]:
        """See `runtime.Runtime.stats`."""
        return await asyncio.to_thread(self._alive(id).cgroup.stats)

    async def release(self, id: str) -> None:
        """See `runtime.Runtime.release`."""
        process = self._processes.get(id)
        if process is None:
            return
        family = [process, *self._execs(id)]
        if any(not member.exited.done() for member in family) or process.cgroup.pids():
            await asyncio.to_thread(process.cgroup.kill)
        await asyncio.wait([member.exited for member in family])
        for member in family:
            self._processes.pop(member.id, None)
        self._letting_go[id] = asyncio.create_task(self._let_go(process, family))

    async def _let_go(self, process: BuiltinProcess, family: Sequence[BuiltinProcess]) -> None:
        """Give up cgroup and root of what ended; only a new start of the same container waits.

        Removing a cgroup waits for RCU, and the last reference to an overlay mount syncs the whole
        file system below it. The keeper forgets in between: what a crash interrupts before that,
        the next daemon finds in the keeper's list; and the last reference is then ours.
        """
        try:
            await asyncio.to_thread(_unmake, process.way, process.id, process.cgroup)
            await self._forget(process)
            rootfs = [fd for member in family for fd in member.close()]
            await asyncio.to_thread(protocol.close_all, rootfs)
        except OSError as error:
            _log.warning("the cgroup of container %s stays: %s", process.id, error)
        finally:
            del self._letting_go[process.id]

    async def forget_exec(self, exec_id: str) -> None:
        """See `runtime.Runtime.forget_exec`."""
        process = self._processes.get(exec_id)
        if process is None or not process.exited.done():
            return
        await self._forget(process)
        self._processes.pop(exec_id, None)
        process.close()
        await asyncio.to_thread(remove_exec_cgroup, process.cgroup)

    async def list(self) -> Mapping[str, Running]:
        """See `runtime.Runtime.list`."""
        containers = [process for process in self._processes.values() if not process.container]
        return {
            container.id: container.running({e.id: e.running() for e in self._execs(container.id)})
            for container in containers
        }

    def recorded_exit(self, id: str) -> Exit | None:
        """See `runtime.Runtime.recorded_exit`; the record is the keeper's (`keeper.exits`)."""
        record = Path(self._exec_root, "containers", id, "exit")
        try:
            known = json.loads(record.read_text())
            return Exit(known["status"], known["time"])
        except (OSError, ValueError, KeyError):
            return None

    async def _launch(
        self,
        process: BuiltinProcess,
        op: str,
        plan: Mapping[str, Any],
        fds: Sequence[int],
        wanted: Bundle | ExecProcess,
        **fields: Any,
    ) -> None:
        """Send a launch; the process is known before its events can come."""
        self._processes[process.id] = process
        try:
            reply = await process.client.request(
                op,
                fds,
                id=process.id,
                plan=plan,
                terminal=wanted.terminal,
                stdin=wanted.open_stdin,
                follower=process.stream.reserve() if wanted.follow else None,
                **fields,
            )
        except BaseException:
            del self._processes[process.id]
            raise
        process.started(reply)

    async def _connected(self) -> KeeperClient:
        async with self._connecting:
            if self._client is None or self._client.lost.done():
                self._client = await self._connect()
                self._client.lost.add_done_callback(lambda _: self._lost())
            return self._client

    async def _connect(self) -> KeeperClient:
        path = socket_path(self._exec_root)
        with contextlib.suppress(OSError):
            client = KeeperClient(path, self._event)
            if await _answers(client):
                return client
        await asyncio.to_thread(start_keeper, self._exec_root, self._kept)
        try:
            return KeeperClient(path, self._event)
        except OSError as error:
            raise KeeperGone(f"the keeper does not answer at {path}: {error}") from error

    async def _find_again(self, client: KeeperClient) -> None:
        for row in (await client.request("list")).fields["processes"]:
            process = self._from_row(client, row)
            self._processes[process.id] = process
            process.adopted(await client.request("adopt", stream=process.id), row)

    def _from_row(self, client: KeeperClient, row: Mapping[str, Any]) -> BuiltinProcess:
        if container := self._processes.get(row["container"]):
            cgroup = container.way.exec_cgroup(container.cgroup, row["id"])
            return BuiltinProcess.from_row(client, row, cgroup, container.way)
        note = protocol.decode(row["note"])
        cgroup = Cgroup.locate(self._hierarchies, note["cgroup"])
        process = BuiltinProcess.from_row(client, row, cgroup, self._way_of_note(note["way"]))
        process.namespaces = note["namespaces"]
        return process

    def _way(self, program: OciProgram | None) -> Way:
        return self._own if program is None else self._way_of_note(program.note())

    def _way_of_note(self, note: Mapping[str, Any] | None) -> Way:
        if note is None:
            return self._own
        from wherry.engine.containers.foreign.way import of_note

        return of_note(note, self._exec_root, self._hierarchies)

    def _event(self, message: Mapping[str, Any]) -> None:
        process = self._processes.get(message["id"])
        if process is None:
            return
        if message["event"] == "exit":
            process.has_exited(message["status"], message["time"])
        if message["end"] is not None:
            process.stream.finish(message["end"])

    def _lost(self) -> None:
        error = KeeperGone("the keeper is gone, and with it the exit status")
        for process in self._processes.values():
            process.fail(error)

    async def _forget(self, process: BuiltinProcess) -> None:
        """The keeper's row goes; that it had none, or went itself, is as good."""
        with contextlib.suppress(LaunchError, KeeperGone):
            await process.client.request("forget", id=process.id)

    def _execs(self, container: str) -> Sequence[BuiltinProcess]:
        return [process for process in self._processes.values() if process.container == container]

    def _refuse_known(self, id: str) -> None:
        if id in self._processes:
            raise Conflict(f"{id} was started already and is not released")

    def _alive(self, id: str) -> BuiltinProcess:
        process = self._processes.get(id)
        if process is None:
            raise NotFound(f"no process {id}")
        if process.exited.done():
            raise Conflict(f"{id} is not running")
        return process


async def _answers(client: KeeperClient) -> bool:
    """Whether somebody is there: a keeper that is just being killed still takes connections."""
    try:
        await client.request("list")
    except KeeperGone:
        client.close()
        return False
    return True


def _log_of(target: LogTarget | None, id: str) -> dict[str, Any] | None:
    """The keeper's "log" (see `wherry.runtime.protocol`)."""
    if target is None:
        return None
    bounds = {"max_size": target.max_size, "max_files": target.max_files}
    if target.driver == "bounded":
        return {"directory": target.directory, **bounds}
    default = LogTarget(target.bytes_directory)
    return {
        "directory": default.directory,
        "max_size": default.max_size,
        "max_files": default.max_files,
        "json_file": f"{target.directory}/{id}-json.log",
        "json_size": target.max_size,
        "json_files": target.max_files,
    }


def _unmake(way: Way, id: str, cgroup: Cgroup) -> None:
    """Remove what is left of a container that has ended, or did not start."""
    way.clear(id)
    cgroup.remove()


def _sentence(error: OSError) -> str:
    where = f" ({os.fspath(error.filename)})" if error.filename else ""
    return f"cannot make the cgroup{where}: {error.strerror}{_remedy(error)}"


def _remedy(error: OSError) -> str:
    """A group has no real-time budget unless those above it got one (sched-rt-group.rst)."""
    path = os.fspath(error.filename or "")
    if not path.endswith("/cpu.rt_runtime_us"):
        return ""
    above = f"{os.path.dirname(os.path.dirname(path))}/cpu.rt_runtime_us"
    return f"; --cpu-rt-runtime needs at least as much in {above}, which root has to set first"
