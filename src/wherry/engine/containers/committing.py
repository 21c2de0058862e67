"""`commit`: an image of what a container's programs have changed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from wherry.engine.containers import imageconfig, marks
from wherry.errors import Invalid, NotFound
from wherry.image import changes as instructions
from wherry.image.commit import Committed, commit
from wherry.spec import reference
from wherry.spec.jsonencode import encode

if TYPE_CHECKING:
    from wherry.engine.containers.live import Live
    from wherry.engine.containers.record import Container
    from wherry.engine.containers.roster import Roster
    from wherry.engine.containers.stopping import Stopping
    from wherry.engine.values.commits import CommitRequest
    from wherry.image.record import Image
    from wherry.image.store import ImageStore
    from wherry.storage.gc import Collector
    from wherry.storage.snapshot import Snapshotter

# What belongs to the container and not to an image of it.
_OWN = ("Hostname", "Domainname", "Image", "MacAddress")


class Commits:
    """Makes images of containers."""

    def __init__(
        self,
        roster: Roster,
        stopping: Stopping,
        snapshotter: Snapshotter,
        images: ImageStore,
        collector: Collector,
    ) -> None:
        self._roster = roster
        self._stopping = stopping
        self._snapshotter = snapshotter
        self._images = images
        self._collector = collector

    async def commit(self, live: Live, request: CommitRequest) -> str:
        """The new image's id. Raises Invalid, Unavailable."""
        record = live.record
        name = reference.parse(request.reference).tagged() if request.reference else None
        said = _said(record, request)
        async with self._still(live, wanted=request.pause):
            image = await asyncio.to_thread(self._make, record, said)
        if name is not None:
            self._images.tag(image.id, name)
        self._roster.tell(
            live,
            "commit",
            comment=request.comment,
            imageID=image.id,
            imageRef=name.familiar if name else "",
        )
        return image.id

    def _make(self, record: Container, said: Committed) -> Image:
        changes = marks.without_own(self._snapshotter.changes(record.id))
        view = self._snapshotter.tree(record.id)
        return commit(self._images, self._collector, self._parent(record), view, changes, said)

    def _parent(self, record: Container) -> Image | None:
        """The container's image. One removed by force cannot be the parent of another."""
        try:
            return self._images.get(record.image_id) if record.image_id else None
        except NotFound:
            raise Invalid(
                f"cannot commit {record.name}: its image {record.image_id} is gone",
                hint="export the container and import that",
            ) from None

    @contextlib.asynccontextmanager
    async def _still(self, live: Live, *, wanted: bool) -> AsyncIterator[None]:
        """The container's processes stand still while the block lasts."""
        state = live.record.state
        if not (wanted and state.running and not state.paused and state.pid):
            yield
            return
        await self._stopping.pause(live)
        try:
            yield
        finally:
            await self._stopping.unpause(live)


def _said(record: Container, request: CommitRequest) -> Committed:
    config = record.config
    if request.config is not None:
        config = imageconfig.merge(request.config, record.config)
    plain: dict[str, Any] = {
        name: value
        for name, value in encode(config).items()
        if name not in _OWN and value not in (None, "", False)
    }
    return Committed(
        config=instructions.apply(request.changes, plain),
        author=request.author,
        comment=request.comment,
        created_by=" ".join(record.config.cmd or ()),
        container=record.id,
    )
