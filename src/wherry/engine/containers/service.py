"""The containers of an engine: the role `ContainerBackend`, handed on to whoever does it.

A change that must not stop half way goes on when the client that asked for it is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from wherry.engine.containers import (
    export,
    logreading,
    marks,
    prune,
    selection,
    statistics,
    updating,
)
from wherry.engine.containers.attachments import ContainerAttachment, check_attachable
from wherry.engine.containers.create import check_name
from wherry.engine.containers.runtime import KeeperGone, WindowSize
from wherry.engine.containers.stopping import not_running
from wherry.engine.containers.top import top as list_processes
from wherry.engine.containers.waits import NOT_RUNNING
from wherry.engine.values.archives import Archived, Extraction, PathFacts
from wherry.engine.values.containers import (
    Change,
    Created,
    CreateRequest,
    ListQuery,
    Processes,
    Pruned,
    RemoveRequest,
    Sizes,
    Stats,
    StopRequest,
    WaitAnswer,
)
from wherry.engine.values.streams import Attachment, AttachRequest, LogsRequest, LogStream
from wherry.errors import Invalid, NotFound, Unavailable

if TYPE_CHECKING:
    from wherry.engine.background import Background
    from wherry.engine.containers.committing import Commits
    from wherry.engine.containers.config import UpdateConfig
    from wherry.engine.containers.create import Creation
    from wherry.engine.containers.lifecycle import Lifecycle
    from wherry.engine.containers.record import Container
    from wherry.engine.containers.removal import Removal
    from wherry.engine.containers.roster import Roster
    from wherry.engine.containers.runtime import Runtime
    from wherry.engine.containers.stopping import Stopping
    from wherry.engine.copying.service import Copies
    from wherry.engine.host import Host
    from wherry.engine.values.commits import CommitRequest
    from wherry.image.store import ImageStore
    from wherry.storage.snapshot import Snapshotter

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Parts:
    """Who does what; made by `wherry.engine.engine`."""

    roster: Roster
    creation: Creation
    lifecycle: Lifecycle
    stopping: Stopping
    removal: Removal
    runtime: Runtime
    snapshotter: Snapshotter
    images: ImageStore
    host: Host
    background: Background
    copies: Copies
    commits: Commits


class Containers:
    """Implements `wherry.api.backend.ContainerBackend`; see there for what each method promises."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._find = parts.roster.find

    async def _whole(self, work: Coroutine[Any, Any, T], what: str) -> T:
        try:
            return await self._parts.background.whole(work, what)
        except KeeperGone as error:
            raise Unavailable(f"{what}: the keeper does not answer: {error}") from error

    # -- what there is --------------------------------------------------------------------------

    async def list(self, query: ListQuery) -> Sequence[Container]:
        """Return the containers that match, newest first."""
        records = (live.record for live in self._parts.roster)
        known = selection.Known(lambda ref: self._find(ref).record, self._image_id)
        return selection.select(records, query, known)

    def _image_id(self, ref: str) -> str | None:
        try:
            return self._parts.images.resolve(ref).id
        except (NotFound, Invalid):
            return None

    async def get(self, ref: str) -> Container:
        """Return one container."""
        return self._find(ref).record

    async def sizes(self, ref: str) -> Sizes:
        """Work out the disk use of one container."""
        record = self._find(ref).record
        written = await asyncio.to_thread(self._parts.snapshotter.written, record.id)
        return Sizes(written, written + self._image_size(record))

    def _image_size(self, record: Container) -> int:
        try:
            return self._parts.images.get(record.image_id).size
        except NotFound:
            return 0  # removed by force while the container kept its layers

    async def changes(self, ref: str) -> Sequence[Change]:
        """Return what differs from its image."""
        record = self._find(ref).record
        found = await asyncio.to_thread(self._parts.snapshotter.changes, record.id)
        return [Change(change.path, change.kind) for change in marks.without_own(found)]

    async def export(self, ref: str) -> AsyncIterator[bytes]:
        """Return its file system as a tar stream."""
        live = self._find(ref)
        tree = self._parts.snapshotter.tree(live.id)
        self._parts.roster.tell(live, "export")
        return export.stream(tree)

    async def top(self, ref: str, ps_args: str) -> Processes:
        """List its processes with ps(1) options."""
        live = self._find(ref)
        if live.running is None:
            raise not_running(live)
        pids = await self._parts.runtime.pids(live.id)
        found = await list_processes(pids, ps_args)
        self._parts.roster.tell(live, "top")
        return found

    async def stats(self, ref: str) -> AsyncIterator[Stats]:
        """Yield a sample at once, then one a second until the container is removed."""
        live = self._find(ref)
        parts = self._parts
        return statistics.samples(
            live,
            parts.runtime,
            lambda: parts.roster.by_id(live.id) is live,
            parts.host.limits.count,
        )

    async def stat_path(self, ref: str, path: str) -> PathFacts:
        """Return what is at a path in it."""
        return await self._parts.copies.stat(self._find(ref), path)

    async def read_path(self, ref: str, path: str) -> Archived:
        """Return what is at a path in it, as a tar stream."""
        return await self._parts.copies.read(self._find(ref), path)

    async def extract(
        self, ref: str, extraction: Extraction, archive: AsyncIterator[bytes]
    ) -> None:
        """Unpack a tar stream in it."""
        live = self._find(ref)
        work = self._parts.copies.write(live, extraction, archive)
        await self._whole(work, f"copying into container {live.id}")

    async def commit(self, ref: str, request: CommitRequest) -> str:
        """Make an image of it and return the image's id."""
        live = self._find(ref)
        return await self._whole(
            self._parts.commits.commit(live, request), f"committing container {live.id}"
        )

    # -- life -----------------------------------------------------------------------------------

    async def create(self, request: CreateRequest) -> Created:
        """Create a container."""
        return await self._whole(self._parts.creation.create(request), "creating a container")

    async def start(self, ref: str) -> None:
        """Start it."""
        live = self._find(ref)
        await self._whole(self._parts.lifecycle.start(live), f"starting container {live.id}")

    async def stop(self, ref: str, request: StopRequest) -> None:
        """Stop it and wait for its end."""
        live = self._find(ref)
        await self._whole(self._parts.stopping.stop(live, request), f"stopping container {live.id}")

    async def restart(self, ref: str, request: StopRequest) -> None:
        """Stop it if it runs, start it."""
        live = self._find(ref)
        await self._whole(
            self._parts.stopping.restart(live, request), f"restarting container {live.id}"
        )

    async def kill(self, ref: str, signal: str) -> None:
        """Send a signal."""
        live = self._find(ref)
        await self._whole(self._parts.stopping.kill(live, signal), f"killing container {live.id}")

    async def pause(self, ref: str) -> None:
        """Freeze every process of it."""
        live = self._find(ref)
        await self._whole(self._parts.stopping.pause(live), f"pausing container {live.id}")

    async def unpause(self, ref: str) -> None:
        """Thaw it."""
        live = self._find(ref)
        await self._whole(self._parts.stopping.unpause(live), f"unpausing container {live.id}")

    async def remove(self, ref: str, request: RemoveRequest) -> None:
        """Remove it."""
        live = self._find(ref)
        await self._whole(
            self._parts.removal.remove(live, request), f"removing container {live.id}"
        )

    async def wait(self, ref: str, condition: str) -> Awaitable[WaitAnswer]:
        """Register a wait and return what gives its result."""
        live = self._find(ref)
        answer = live.waits.register(condition)
        if condition == NOT_RUNNING and not live.record.state.running:
            answer.set_result(WaitAnswer(live.record.state.exit_code))
        return answer

    async def rename(self, ref: str, name: str) -> None:
        """Give it another name."""
        live = self._find(ref)
        name = name.removeprefix("/")
        if not name:
            raise Invalid("Neither old nor new names may be empty")
        if name == live.record.name:
            raise Invalid("Renaming a container with the same name as its current name")
        check_name(name)
        before = live.record.name
        async with live.lock:
            self._parts.roster.rename(live, name)
            self._parts.roster.tell(live, "rename", oldName=f"/{before}")

    async def update(self, ref: str, config: UpdateConfig) -> Sequence[str]:
        """Change its limits; return the warnings."""
        live = self._find(ref)
        parts = self._parts
        return await self._whole(
            updating.update(live, config, parts.roster, parts.runtime, parts.host),
            f"updating container {live.id}",
        )

    async def prune(self, filters: Mapping[str, tuple[str, ...]]) -> Pruned:
        """Remove stopped containers that match."""
        parts = self._parts
        work = prune.prune(parts.roster, parts.removal, parts.snapshotter, filters)
        return await self._whole(work, "removing stopped containers")

    # -- streams --------------------------------------------------------------------------------

    async def resize(self, ref: str, rows: int, columns: int) -> None:
        """Set the size of its terminal."""
        live = self._find(ref)
        if live.running is None:
            raise not_running(live)
        await self._parts.runtime.resize(live.id, WindowSize(rows, columns))
        self._parts.roster.tell(live, "resize", height=str(rows), width=str(columns))

    async def logs(self, ref: str, request: LogsRequest) -> LogStream:
        """Read its log."""
        return logreading.read_log(self._find(ref), request)

    async def attach(self, ref: str, request: AttachRequest) -> Attachment:
        """Connect to its streams."""
        live = self._find(ref)
        check_attachable(live)
        history = logreading.history(live, request) if request.logs else None
        roster = self._parts.roster
        attachment = ContainerAttachment(
            live, request, history, lambda: roster.tell(live, "detach")
        )
        roster.tell(live, "attach")
        return attachment
