"""What the daemon does when it comes up: bring records, processes and files together again.

Four lists are compared: the database's containers, what the keeper runs, the snapshots, and the
directories on disk (cgroups follow from the records' paths). Whatever has an owner is adopted, an
exit that happened meanwhile is recorded with its own code and time, and what nobody owns goes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import time
from typing import TYPE_CHECKING, Final

from wherry.engine.containers import state as states
from wherry.engine.containers.imagemounts import owner_of
from wherry.engine.containers.restart_policy import starts_with_daemon
from wherry.engine.containers.runtime import Exit, KeeperGone
from wherry.engine.values.containers import RemoveRequest
from wherry.errors import WherryError
from wherry.kernel.cgroup.cgroup import Cgroup

if TYPE_CHECKING:
    from wherry.engine.background import Background
    from wherry.engine.containers.execs import Execs
    from wherry.engine.containers.lifecycle import Lifecycle
    from wherry.engine.containers.live import Live
    from wherry.engine.containers.removal import Removal
    from wherry.engine.containers.roster import Roster
    from wherry.engine.containers.runtime import Running, Runtime
    from wherry.engine.containers.spec.compose import Composer
    from wherry.engine.host import Host
    from wherry.engine.networks.networking import Networking
    from wherry.storage.snapshot import Snapshotter

LOST: Final = 255 << 8
"""Wait status of a process whose end nobody saw (the machine went down): exit code 255, as dockerd
records it."""

_log = logging.getLogger(__name__)


class Reconciliation:
    """One comparison; `run` it once before the API listens."""

    def __init__(
        self,
        roster: Roster,
        runtime: Runtime,
        snapshotter: Snapshotter,
        lifecycle: Lifecycle,
        execs: Execs,
        removal: Removal,
        host: Host,
        composer: Composer,
        directory: str,
        background: Background,
        networking: Networking,
    ) -> None:
        self._roster = roster
        self._runtime = runtime
        self._snapshotter = snapshotter
        self._lifecycle = lifecycle
        self._execs = execs
        self._removal = removal
        self._host = host
        self._composer = composer
        self._directory = directory
        self._background = background
        self._networking = networking

    async def run(self) -> None:
        """Compare and set right."""
        lives = self._roster.load()
        processes = await self._runtime.list()
        ran = {live.id for live in lives if live.record.state.running}
        for live in lives:
            await self._settle(live, processes.get(live.id))
        for id in processes.keys() - {live.id for live in lives}:
            _log.warning("container %s has no record: it is ended", id)
            await self._runtime.release(id)
        await asyncio.to_thread(self._sweep, frozenset(live.id for live in lives))
        await self._networking.restore()
        for live in lives:
            self._carry_on(live, was_running=live.id in ran)

    # -- one container --------------------------------------------------------------------------

    async def _settle(self, live: Live, process: Running | None) -> None:
        state = live.record.state
        if process is not None and not process.exited.done():
            self._adopt(live, process)
        elif state.status == states.RESTARTING:
            self._roster.move(live, states.restart_cancelled(state))
            await self._release(live, process)
        elif state.running:
            self._note_end(live, process)
        else:
            await self._release(live, process)

    def _adopt(self, live: Live, process: Running) -> None:
        """A running process; its record may say otherwise when the daemon died in between."""
        if live.record.state.running and live.record.state.pid != process.pid:
            ended = states.exited(live.record.state, exit_code=0, time=time.time_ns())
            self._roster.move(live, ended)
        self._lifecycle.adopt(live, process, time.time_ns())
        for exec in process.execs.values():
            self._execs.adopt(live, exec)
        _log.info("container %s runs on", live.record.name)

    def _note_end(self, live: Live, process: Running | None) -> None:
        """It ended while no daemon was there; the policy may start it again."""
        how = Exit(LOST, time.time_ns())
        if process is not None:
            with contextlib.suppress(KeeperGone):
                how = process.exited.result()
        else:
            how = self._runtime.recorded_exit(live.id) or how
            self._remove_cgroup(live)
        self._lifecycle.end(live, how)

    async def _release(self, live: Live, process: Running | None) -> None:
        if process is not None:
            await self._runtime.release(live.id)
        else:
            self._remove_cgroup(live)

    def _remove_cgroup(self, live: Live) -> None:
        """Without a keeper that knows it, a cgroup can only be found by its path.

        A daemon that was killed while it made one leaves it in some of the trees only.
        """
        cgroup = Cgroup.locate(self._host.hierarchies, self._composer.cgroup_path(live.record))
        try:
            if cgroup.exists():
                cgroup.kill()
            cgroup.remove()
        except OSError as error:
            _log.warning("cgroup of container %s stays: %s", live.id, error)

    def _carry_on(self, live: Live, *, was_running: bool) -> None:
        """What must not stay as it is: half removed, to be removed at its end, to be started."""
        record = live.record
        if record.state.running or live.restart is not None:
            return
        if record.state.status in (states.REMOVING, states.DEAD) or record.host_config.auto_remove:
            self._background.start(self._remove(live), f"removing container {live.id}")
        elif record.state.started_at and starts_with_daemon(
            record.host_config.restart_policy,
            manually_stopped=record.manually_stopped,
            was_running=was_running,
        ):
            self._background.start(self._start(live), f"starting container {live.id}")

    async def _remove(self, live: Live) -> None:
        with contextlib.suppress(WherryError):
            volumes = live.record.host_config.auto_remove
            await self._removal.remove(live, RemoveRequest(force=True, volumes=volumes))

    async def _start(self, live: Live) -> None:
        try:
            await self._lifecycle.start(live)
        except WherryError as error:
            _log.warning("container %s was not started: %s", live.id, error)

    # -- what nobody owns -----------------------------------------------------------------------

    def _sweep(self, owned: frozenset[str]) -> None:
        for id in self._strays(owned):
            _log.warning("files of container %s, which has no record, are removed", id)
            self._snapshotter.remove(id)
            shutil.rmtree(f"{self._directory}/{id}", ignore_errors=True)

    def _strays(self, owned: frozenset[str]) -> set[str]:
        """Snapshots and directories of containers that are not (or not yet) on record.

        A snapshot's key is a container's id, or begins with one; keys of another form belong to
        somebody else.
        """
        snapshots = self._snapshotter.keys()
        keys = {key for key in snapshots if len(owner_of(key)) == 64}
        with contextlib.suppress(FileNotFoundError):
            keys |= set(os.listdir(self._directory))
        return {key for key in keys if owner_of(key) not in owned}
