"""Further processes in running containers: the role `ExecBackend`."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from wherry.engine.containers.attachments import ExecAttachment
from wherry.engine.containers.launch_errors import CANNOT_INVOKE, EXEC_PREFIX, UNKNOWN, judge
from wherry.engine.containers.record import Exec
from wherry.engine.containers.runtime import KeeperGone, LaunchError, Running, WindowSize
from wherry.engine.values.execs import ExecConfig
from wherry.engine.values.streams import STDERR, STDOUT, Attachment
from wherry.errors import Conflict, Invalid, NotFound, WherryError

if TYPE_CHECKING:
    from wherry.engine.background import Background
    from wherry.engine.containers.live import Live
    from wherry.engine.containers.roster import Roster
    from wherry.engine.containers.runtime import Runtime
    from wherry.engine.containers.spec.compose import Composer
    from wherry.engine.values.execs import ExecStart

KEPT_AFTER_END: Final = 300.0
"""Seconds for which an ended exec can still be inspected (dockerd: five to ten minutes)."""
KILLED: Final = 137


@dataclass(slots=True)
class _Entry:
    """An exec and what only lives in memory of it."""

    exec: Exec
    live: Live
    running: Running | None = None
    ended: asyncio.Future[None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Execs:
    """The execs of all containers. They do not survive the daemon, as with dockerd."""

    def __init__(
        self, roster: Roster, runtime: Runtime, composer: Composer, background: Background
    ) -> None:
        self._roster = roster
        self._runtime = runtime
        self._composer = composer
        self._background = background
        self._entries: dict[str, _Entry] = {}

    async def create(self, ref: str, config: ExecConfig) -> str:
        """Note an exec and return its id. Conflict unless the container runs, Invalid."""
        live = self._roster.find(ref)
        check_running(live)
        if not config.cmd:
            raise Invalid("No exec command specified")
        id = secrets.token_hex(32)
        entry = _Entry(Exec(id, live.id, config), live)
        self._entries[id] = entry
        live.record.execs[id] = entry.exec
        self._tell(entry, f"exec_create: {' '.join(config.cmd)}")
        return id

    async def get(self, id: str) -> Exec:
        """Return one exec. NotFound."""
        return self._find(id).exec

    async def start(self, id: str, request: ExecStart) -> Attachment | None:
        """Run it; None when detached. Conflict when it has run already."""
        entry = self._find(id)
        exec, config = entry.exec, entry.exec.config
        check_running(entry.live)
        if exec.exit_code is not None:
            raise Conflict(f"exec command {id} has already run")
        if exec.started:
            raise Conflict(f"exec command {id} is already running")
        exec.started = exec.running = True
        self._tell(entry, f"exec_start: {' '.join(config.cmd or ())}")
        running = await self._background.whole(self._launch(entry, request), f"exec {id}")
        if request.detach:
            self._background.start(self._forget(entry, read=None), f"forgetting exec {id}")
            return None
        return self._attach(entry, running)

    async def _launch(self, entry: _Entry, request: ExecStart) -> Running:
        exec = entry.exec
        window = request.console_size or exec.config.console_size
        try:
            process = self._composer.exec_process(entry.live.record, exec.config, window)
            running = await self._runtime.exec(exec.container_id, exec.id, process)
        except (LaunchError, WherryError, KeeperGone, OSError) as error:
            verdict = judge(error, EXEC_PREFIX)
            # What dockerd finds out before it asks its runtime (the user) has this code, too.
            known = verdict.exit_code != UNKNOWN
            self._end(entry, verdict.exit_code if known else CANNOT_INVOKE, told=False)
            raise verdict.error from error
        exec.pid = running.pid
        entry.running = running
        running.exited.add_done_callback(lambda _: self._on_exit(entry, running))
        return running

    def _attach(self, entry: _Entry, running: Running) -> Attachment:
        config = entry.exec.config
        closed = asyncio.Event()
        streams = {STDOUT: config.attach_stdout, STDERR: config.attach_stderr}
        self._background.start(self._forget(entry, read=closed), f"forgetting exec {entry.exec.id}")
        return ExecAttachment(
            running,
            streams={stream for stream, wanted in streams.items() if wanted},
            ended=entry.ended,
            on_detach=lambda: self._tell(entry, "exec_detach"),
            on_close=closed.set,
        )

    def adopt(self, live: Live, running: Running) -> None:
        """Take over an exec that ran on while the daemon was away; nobody knows what was asked."""
        entry = _Entry(Exec(running.id, live.id, ExecConfig(), started=True), live, running)
        entry.exec.running, entry.exec.pid = True, running.pid
        self._entries[running.id] = entry
        live.record.execs[running.id] = entry.exec
        running.exited.add_done_callback(lambda _: self._on_exit(entry, running))
        self._background.start(self._forget(entry, read=None), f"forgetting exec {running.id}")

    def _on_exit(self, entry: _Entry, running: Running) -> None:
        lost = running.exited.cancelled() or running.exited.exception() is not None
        self._end(entry, KILLED if lost else running.exited.result().code)

    def _end(self, entry: _Entry, code: int, *, told: bool = True) -> None:
        exec = entry.exec
        if exec.exit_code is not None:
            return
        exec.exit_code = code
        exec.running = False
        exec.pid = 0
        entry.live.record.execs.pop(exec.id, None)
        if told:
            self._tell(entry, "exec_die", exitCode=str(code))
        if not entry.ended.done():
            entry.ended.set_result(None)
        asyncio.get_running_loop().call_later(KEPT_AFTER_END, self._entries.pop, exec.id, None)

    async def _forget(self, entry: _Entry, read: asyncio.Event | None) -> None:
        """Let the runtime forget an exec that has ended and whose client has gone."""
        await asyncio.shield(entry.ended)
        if read is not None:
            await read.wait()
        with contextlib.suppress(WherryError, KeeperGone):
            await self._runtime.forget_exec(entry.exec.id)

    async def resize(self, id: str, rows: int, columns: int) -> None:
        """Set the size of its terminal. Conflict when it does not run."""
        entry = self._find(id)
        if not entry.exec.running or entry.running is None:
            raise Conflict(f"exec {id} is not running")
        await self._runtime.resize(id, WindowSize(rows, columns))

    def container_ended(self, live: Live) -> None:
        """The container's main process is gone, and with it every exec."""
        for id in list(live.record.execs):
            entry = self._entries.get(id)
            if entry is not None and (entry.running is None or not entry.running.exited.done()):
                self._end(entry, KILLED, told=entry.exec.started)

    def _find(self, id: str) -> _Entry:
        entry = self._entries.get(id)
        if entry is None or self._roster.by_id(entry.live.id) is not entry.live:
            self._entries.pop(id, None)
            raise NotFound(f"No such exec instance: {id}")
        return entry

    def _tell(self, entry: _Entry, action: str, **details: str) -> None:
        self._roster.tell(entry.live, action, execID=entry.exec.id, **details)


def check_running(live: Live) -> None:
    """Raise Conflict unless processes can be started in the container, in Docker's words."""
    state = live.record.state
    if not state.running:
        raise Conflict(f"container {live.id} is not running")
    if state.paused:
        raise Conflict(f"container {live.id} is paused, unpause the container before exec")
    if state.restarting or live.running is None:
        raise Conflict(f"container {live.id} is restarting, wait until the container is running")
