"""Volumes through a scoped socket: the role `VolumeBackend`, narrowed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from wherry.engine.containers.confinement import harmless
from wherry.engine.volumes.values import VolumeFacts, VolumeRequest, VolumesPruned
from wherry.errors import Conflict, Denied, NotFound

if TYPE_CHECKING:
    from wherry.api.scoped.sight import Sight


@dataclass(frozen=True, slots=True)
class ScopedVolumes:
    """See `wherry.api.backend.VolumeBackend` for what each method promises."""

    sight: Sight

    async def _with_files(self, name: str) -> str:
        """The name of a volume whose files may be had."""
        volume = (await self.sight.volume(name)).volume
        if not harmless(volume):
            raise Denied(f"the options of volume {name} lead to the host's files")
        return volume.name

    async def list(self, filters: Mapping[str, tuple[str, ...]]) -> Sequence[VolumeFacts]:
        """Return the scope's volumes that match."""
        found = await self.sight.engine.volumes.list(self.sight.narrowed(filters))
        return [each for each in found if self.sight.has_labels(each.volume.labels)]

    async def get(self, name: str) -> VolumeFacts:
        """Return one volume."""
        return await self.sight.volume(name)

    async def create(self, request: VolumeRequest) -> VolumeFacts:
        """Make one with the scope's labels and without options."""
        if request.options:
            raise Denied("volumes with driver options cannot be made through this socket")
        labels = self.sight.labelled(request.labels)
        made = await self.sight.engine.volumes.create(replace(request, labels=labels))
        if not self.sight.has_labels(made.volume.labels):
            raise _taken(request.name)
        return made

    async def remove(self, name: str, *, force: bool) -> None:
        """Remove it."""
        try:
            await self.sight.volume(name)
        except NotFound:
            if force:
                return
            raise
        await self.sight.engine.volumes.remove(name, force=force)

    async def prune(self, filters: Mapping[str, tuple[str, ...]]) -> VolumesPruned:
        """Remove the scope's volumes that no container names."""
        return await self.sight.engine.volumes.prune(self.sight.narrowed(filters))

    async def rename(self, name: str, other: str) -> None:
        """Give it another name."""
        await self.sight.volume(name)
        await self.sight.engine.volumes.rename(name, other)

    async def clone(self, name: str, other: str) -> VolumeFacts:
        """Make a copy, which has its labels."""
        return await self.sight.engine.volumes.clone(await self._with_files(name), other)

    async def export(self, name: str) -> AsyncIterator[bytes]:
        """Return its files as a tar stream."""
        return await self.sight.engine.volumes.export(await self._with_files(name))

    async def import_archive(self, name: str, archive: AsyncIterator[bytes]) -> None:
        """Unpack a tar stream over what is in it."""
        await self.sight.engine.volumes.import_archive(await self._with_files(name), archive)


def _taken(name: str) -> Conflict:
    return Conflict(f"create {name}: the name is in use", hint="choose another name")
