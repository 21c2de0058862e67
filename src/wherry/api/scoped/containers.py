"""Containers through a scoped socket: the role `ContainerBackend`, narrowed.

Whatever reaches into a container (exec, attach, copies, commit) asks for a `lender`: not every
container that carries the scope's labels was made with the scope's limits.
"""

from __future__ import annotations

import shlex
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from wherry.api.scoped import limits
from wherry.api.scoped.creation import Creation
from wherry.errors import Conflict, Denied, NotFound

if TYPE_CHECKING:
    from wherry.api.scoped.sight import Sight
    from wherry.engine.containers.config import UpdateConfig
    from wherry.engine.containers.record import Container, Exec
    from wherry.engine.values.archives import Archived, Extraction, PathFacts
    from wherry.engine.values.commits import CommitRequest
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
    from wherry.engine.values.execs import ExecConfig, ExecStart
    from wherry.engine.values.streams import Attachment, AttachRequest, LogsRequest, LogStream


@dataclass(frozen=True, slots=True)
class ScopedContainers:
    """See `wherry.api.backend.ContainerBackend` for what each method promises."""

    sight: Sight
    creation: Creation

    async def _id(self, ref: str) -> str:
        return (await self.sight.container(ref)).id

    async def _inside(self, ref: str) -> str:
        return (await self.creation.lender(ref)).id

    # -- what there is

    async def list(self, query: ListQuery) -> Sequence[Container]:
        """Return the scope's containers that match."""
        filters = dict(query.filters)
        for name in ("before", "since"):
            filters[name] = tuple([await self._id(ref) for ref in filters.get(name, ())])
        narrowed = replace(query, filters=self.sight.narrowed(filters))
        found = await self.sight.engine.containers.list(narrowed)
        return [each for each in found if self.sight.has_labels(each.config.labels)]

    async def get(self, ref: str) -> Container:
        """Return one container."""
        return await self.sight.container(ref)

    async def sizes(self, ref: str) -> Sizes:
        """Work out the disk use of one container."""
        return await self.sight.engine.containers.sizes(await self._id(ref))

    async def top(self, ref: str, ps_args: str) -> Processes:
        """List its processes."""
        return await self.sight.engine.containers.top(await self._id(ref), ps_args)

    async def changes(self, ref: str) -> Sequence[Change]:
        """Return what differs from its image."""
        return await self.sight.engine.containers.changes(await self._id(ref))

    async def stats(self, ref: str) -> AsyncIterator[Stats]:
        """Yield samples."""
        return await self.sight.engine.containers.stats(await self._id(ref))

    async def logs(self, ref: str, request: LogsRequest) -> LogStream:
        """Read its log."""
        return await self.sight.engine.containers.logs(await self._id(ref), request)

    # -- life

    async def create(self, request: CreateRequest) -> Created:
        """Create a container with the scope's labels, within its limits."""
        fitted = await self.creation.fitted(request)
        try:
            return await self.sight.engine.containers.create(fitted)
        except Conflict:
            raise _taken(request.name) from None

    async def start(self, ref: str) -> None:
        """Start it."""
        await self.sight.engine.containers.start(await self._id(ref))

    async def stop(self, ref: str, request: StopRequest) -> None:
        """Stop it and wait for its end."""
        await self.sight.engine.containers.stop(await self._id(ref), request)

    async def restart(self, ref: str, request: StopRequest) -> None:
        """Stop it if it runs, start it."""
        await self.sight.engine.containers.restart(await self._id(ref), request)

    async def kill(self, ref: str, signal: str) -> None:
        """Send a signal."""
        await self.sight.engine.containers.kill(await self._id(ref), signal)

    async def pause(self, ref: str) -> None:
        """Freeze every process of it."""
        await self.sight.engine.containers.pause(await self._id(ref))

    async def unpause(self, ref: str) -> None:
        """Thaw it."""
        await self.sight.engine.containers.unpause(await self._id(ref))

    async def wait(self, ref: str, condition: str) -> Awaitable[WaitAnswer]:
        """Register a wait."""
        return await self.sight.engine.containers.wait(await self._id(ref), condition)

    async def rename(self, ref: str, name: str) -> None:
        """Give it another name."""
        id = await self._id(ref)
        try:
            await self.sight.engine.containers.rename(id, name)
        except Conflict:
            raise _taken(name) from None

    async def update(self, ref: str, config: UpdateConfig) -> Sequence[str]:
        """Change its limits."""
        limits.check_update(config)
        return await self.sight.engine.containers.update(await self._id(ref), config)

    async def remove(self, ref: str, request: RemoveRequest) -> None:
        """Remove it."""
        await self.sight.engine.containers.remove(await self._id(ref), request)

    async def prune(self, filters: Mapping[str, tuple[str, ...]]) -> Pruned:
        """Remove stopped containers of the scope that match."""
        return await self.sight.engine.containers.prune(self.sight.narrowed(filters))

    # -- what reaches into it

    async def resize(self, ref: str, rows: int, columns: int) -> None:
        """Set the size of its terminal."""
        await self.sight.engine.containers.resize(await self._inside(ref), rows, columns)

    async def attach(self, ref: str, request: AttachRequest) -> Attachment:
        """Connect to its streams."""
        return await self.sight.engine.containers.attach(await self._inside(ref), request)

    async def export(self, ref: str) -> AsyncIterator[bytes]:
        """Return its file system."""
        return await self.sight.engine.containers.export(await self._inside(ref))

    async def stat_path(self, ref: str, path: str) -> PathFacts:
        """Return what is at a path in it."""
        return await self.sight.engine.containers.stat_path(await self._inside(ref), path)

    async def read_path(self, ref: str, path: str) -> Archived:
        """Return what is at a path in it, as a tar stream."""
        return await self.sight.engine.containers.read_path(await self._inside(ref), path)

    async def extract(
        self, ref: str, extraction: Extraction, archive: AsyncIterator[bytes]
    ) -> None:
        """Unpack a tar stream in it."""
        inside = await self._inside(ref)
        await self.sight.engine.containers.extract(inside, extraction, archive)

    async def commit(self, ref: str, request: CommitRequest) -> str:
        """Make an image of it, which has the scope's labels."""
        inside = await self._inside(ref)
        if request.reference:
            self.sight.check_name(request.reference, "commit")
        labels = self.sight.scope.labels
        own = tuple(f"LABEL {shlex.quote(f'{key}={labels[key]}')}" for key in labels)
        labelled = replace(request, changes=(*request.changes, *own))
        return await self.sight.engine.containers.commit(inside, labelled)


@dataclass(frozen=True, slots=True)
class ScopedExecs:
    """Further processes in the scope's containers: the role `ExecBackend`, narrowed."""

    sight: Sight
    creation: Creation

    async def create(self, ref: str, config: ExecConfig) -> str:
        """Note an exec; never a privileged one."""
        if config.privileged:
            raise Denied("a privileged exec is more than this socket gives")
        record = await self.creation.lender(ref)
        return await self.sight.engine.execs.create(record.id, config)

    async def get(self, id: str) -> Exec:
        """Return one exec of a container that may be reached into."""
        exec = await self.sight.engine.execs.get(id)
        try:
            await self.creation.lender(exec.container_id)
        except NotFound:
            raise NotFound(f"No such exec instance: {id}") from None
        return exec

    async def start(self, id: str, request: ExecStart) -> Attachment | None:
        """Run it."""
        exec = await self.get(id)
        if exec.config.privileged:
            raise Denied("a privileged exec is more than this socket gives")
        return await self.sight.engine.execs.start(exec.id, request)

    async def resize(self, id: str, rows: int, columns: int) -> None:
        """Set the size of its terminal."""
        await self.sight.engine.execs.resize((await self.get(id)).id, rows, columns)


def _taken(name: str) -> Conflict:
    """Docker's words without the other container's id."""
    shown = name.removeprefix("/")
    return Conflict(f'Conflict. The container name "/{shown}" is already in use')
