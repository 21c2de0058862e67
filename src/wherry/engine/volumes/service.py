"""The volumes of an engine: the role `VolumeBackend`.

A volume is used by every container that names it, running or not; it cannot be removed before they
are. `hold` keeps volumes for a container that is about to be made.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from wherry.engine.containers import export
from wherry.engine.copying.volumes import unpack
from wherry.engine.volumes import checks, mounting, selection
from wherry.engine.volumes.values import (
    Volume,
    VolumeFacts,
    VolumeRequest,
    VolumesPruned,
)
from wherry.errors import Conflict, Internal, NotFound, WherryError
from wherry.storage.merged import MergedTree

if TYPE_CHECKING:
    from wherry.engine.containers.record import Container, MountPoint
    from wherry.engine.events import EventLog
    from wherry.engine.volumes.directories import Directories
    from wherry.engine.volumes.store import VolumeTable

Filters = Mapping[str, tuple[str, ...]]

_log = logging.getLogger(__name__)


class VolumeUsers(Protocol):
    """Who uses volumes."""

    def of(self, name: str) -> Sequence[str]:
        """Ids of the containers that name the volume."""

    def counts(self) -> Mapping[str, int]:
        """How many containers name each volume; those that none names are left out."""

    def running(self, name: str) -> bool:
        """Whether a container that runs names the volume."""

    def renamed(self, name: str, other: str, directory: str) -> None:
        """Make the containers that name the volume name it otherwise."""


class Volumes:
    """Implements `wherry.api.backend.VolumeBackend`; see there for what each method promises."""

    def __init__(
        self, table: VolumeTable, directories: Directories, users: VolumeUsers, events: EventLog
    ) -> None:
        self._table = table
        self._directories = directories
        self._users = users
        self._events = events
        self._held: Counter[str] = Counter()
        self._removed: set[str] = set()  # names whose files are being deleted
        self._volumes = {volume.name: volume for volume in table.load()}
        self._adopt_strays()

    def _adopt_strays(self) -> None:
        """A directory without a record may hold somebody's data: it becomes a volume again."""
        for name in self._directories.names():
            if name in self._volumes or checks.NAME.fullmatch(name) is None:
                continue
            if self._directories.is_empty(name):
                self._directories.remove(name)
            else:
                _log.warning("volume %s had no record: it has one again", name)
                self._record(Volume(name, time.time_ns()))

    # -- what there is --------------------------------------------------------------------------

    def path(self, name: str) -> str:
        """Where the volume's files are, or would be."""
        return self._directories.path(name)

    def find(self, name: str) -> Volume:
        """The volume of that name. Raises NotFound."""
        try:
            return self._volumes[name]
        except KeyError:
            raise NotFound(f"get {name}: no such volume") from None

    async def get(self, name: str) -> VolumeFacts:
        """Return one volume."""
        volume = self.find(name)
        return VolumeFacts(volume, self.path(name))

    async def list(self, filters: Filters) -> Sequence[VolumeFacts]:
        """Return the volumes that match, by name."""
        chosen = selection.select(self._volumes.values(), filters, self._used())
        return [VolumeFacts(volume, self.path(volume.name)) for volume in chosen]

    async def measured(self) -> Sequence[VolumeFacts]:
        """Return every volume with its size and the number of its users."""
        volumes = [self._volumes[name] for name in sorted(self._volumes)]
        counts = self._users.counts()
        return [
            VolumeFacts(
                volume,
                self.path(volume.name),
                await asyncio.to_thread(self._size, volume),
                counts.get(volume.name, 0),
            )
            for volume in volumes
        ]

    def _size(self, volume: Volume) -> int:
        """Bytes on disk; -1 for a file system of its own, and for what cannot be read."""
        if mounting.wants_mount(volume.options):
            return -1
        try:
            return self._directories.size(volume.name)
        except OSError:
            return -1

    def _used(self) -> Callable[[str], bool]:
        counts = self._users.counts()
        return lambda name: bool(self._held[name] or counts.get(name))

    # -- making ---------------------------------------------------------------------------------

    async def create(self, request: VolumeRequest) -> VolumeFacts:
        """Make a volume, or return the one that has the name.

        Raises Invalid, NotFound, Conflict.
        """
        volume = self._make(request)
        return VolumeFacts(volume, self.path(volume.name))

    def _make(self, request: VolumeRequest) -> Volume:
        name = request.name or secrets.token_hex(32)
        _check(name, request)
        if name in self._removed:
            raise Conflict(f"create {name}: the volume is being removed", hint="try again")
        known = self._volumes.get(name)
        if known is not None:
            _check_same(known, request)
            return known
        with _io(f"create {name}"):
            self._directories.make(name)
        volume = Volume(name, time.time_ns(), request.labels, request.options)
        self._record(volume)
        self._tell("create", volume)
        return volume

    def _record(self, volume: Volume) -> None:
        self._table.add(volume)
        self._volumes[volume.name] = volume

    def _tell(self, action: str, volume: Volume, **details: str) -> None:
        self._events.publish("volume", action, volume.name, {"driver": volume.driver, **details})

    @contextlib.contextmanager
    def hold(self, requests: Sequence[VolumeRequest]) -> Iterator[None]:
        """Volumes for a container: made where missing, kept while the block lasts.

        If the block fails, those that were made for it go again. Raises Invalid, NotFound,
        Conflict.
        """
        made: list[str] = []
        held = [request.name for request in requests]
        self._held.update(held)
        try:
            for request in requests:
                is_new = request.name not in self._volumes
                self._make(request)
                made += [request.name] if is_new else []
            yield
        except BaseException:
            for name in made:
                self._directories.remove(name)
                self._forget(self._volumes[name])
            raise
        finally:
            self._held.subtract(held)

    # -- use ------------------------------------------------------------------------------------

    async def enter(self, record: Container) -> None:
        """A container is about to start: mount what is behind its volumes. Raises kinds."""
        for point in _volume_points(record):
            options = self.find(point.name).options
            if options and mounting.wants_mount(options):
                await asyncio.to_thread(mounting.mount_volume, self.path(point.name), options)

    async def leave(self, record: Container) -> None:
        """A container ended: unmount what no running one uses."""
        for point in _volume_points(record):
            volume = self._volumes.get(point.name)
            if volume is None or not mounting.wants_mount(volume.options):
                continue
            if not self._users.running(point.name):
                with _io(f"unmount {point.name}"):
                    await asyncio.to_thread(mounting.unmount_volume, self.path(point.name))

    def settle(self) -> None:
        """Unmount what a daemon that was killed left mounted for containers that ended since."""
        for name, volume in self._volumes.items():
            if mounting.wants_mount(volume.options) and not self._users.running(name):
                mounting.unmount_volume(self.path(name))

    def tell_use(self, action: str, record: Container) -> None:
        """Publish `mount` or `unmount` of each volume of a container."""
        for point in _volume_points(record):
            volume = self._volumes.get(point.name)
            if volume is not None:
                details = _use_details(point) if action == "mount" else {}
                self._tell(action, volume, container=record.id, **details)

    # -- changing -------------------------------------------------------------------------------

    async def rename(self, name: str, other: str) -> None:
        """Give it another name; its containers follow. Raises NotFound, Conflict, Invalid."""
        volume = self.find(name)
        self._check_free(other)
        with _io(f"rename {name}"):
            self._directories.rename(name, other)
        self._volumes[other] = self._table.rename(volume, other)
        del self._volumes[name]
        self._users.renamed(name, other, self.path(other))
        self._tell("rename", self._volumes[other], oldName=name)

    def _check_free(self, name: str) -> None:
        _check(name, VolumeRequest())
        if name in self._volumes:
            raise Conflict(
                f"a volume named {name} exists already", hint="choose another name or remove it"
            )

    async def clone(self, name: str, other: str) -> VolumeFacts:
        """Make `other` a copy of it. Raises NotFound, Conflict, Invalid."""
        source = self.find(name)
        self._check_free(other)
        request = VolumeRequest(other, labels=source.labels)
        with self.hold([request]), _io(f"clone {name}"):
            await asyncio.to_thread(self._directories.clone, name, other)
        return await self.get(other)

    async def export(self, name: str) -> AsyncIterator[bytes]:
        """Return its files as a tar stream; hard links and extended attributes are kept."""
        volume = self.find(name)
        view = MergedTree([self.path(volume.name)])
        self._tell("export", volume)
        return export.stream(view)

    async def import_archive(self, name: str, archive: AsyncIterator[bytes]) -> None:
        """Unpack a tar stream in it. Raises NotFound, Invalid, Unavailable."""
        volume = self.find(name)
        if mounting.wants_mount(volume.options) and not self._users.running(name):
            raise Conflict(
                f"import into volume {name}: its file system is mounted only while it is used",
                hint="start a container with it, or use cp",
            )
        self._held[name] += 1
        try:
            await unpack(name, self.path(name), archive)
        finally:
            self._held[name] -= 1
        self._tell("import", volume)

    # -- removing -------------------------------------------------------------------------------

    async def remove(self, name: str, *, force: bool) -> None:
        """Remove it. NotFound (no error with `force`), Conflict while a container uses it."""
        if force and name not in self._volumes:
            return
        volume = self.find(name)
        self._check_unused(volume)
        await self._delete(volume)

    def _check_unused(self, volume: Volume) -> None:
        users = self._users.of(volume.name)
        if volume.name in self._removed:
            raise Conflict(f"remove {volume.name}: removal is already in progress")
        if users or self._held[volume.name]:
            raise Conflict(
                f"remove {volume.name}: volume is in use - [{', '.join(users)}]",
                hint="remove the containers first",
            )

    async def _delete(self, volume: Volume) -> None:
        """Files first: what a crash leaves of them still has a record."""
        self._removed.add(volume.name)
        try:
            with _io(f"remove {volume.name}"):
                await asyncio.to_thread(self._directories.remove, volume.name)
            self._forget(volume)
        finally:
            self._removed.discard(volume.name)

    def _forget(self, volume: Volume) -> None:
        self._table.delete(volume.name)
        del self._volumes[volume.name]
        self._tell("destroy", volume)

    async def remove_anonymous(self, names: Sequence[str]) -> None:
        """Remove those that nobody named and nobody uses any more, of a container that went."""
        for name in names:
            volume = self._volumes.get(name)
            if volume is None or name in self._removed or self._used()(name):
                continue
            if volume.is_anonymous:
                with contextlib.suppress(WherryError):
                    await self._delete(volume)

    async def prune(self, filters: Filters) -> VolumesPruned:
        """Remove those that no container uses: anonymous ones, with the filter `all` every one."""
        chosen = selection.prunable(self._volumes.values(), filters, self._used())
        removed, space = [], 0
        for volume in chosen:
            size = await asyncio.to_thread(self._size, volume)
            with contextlib.suppress(WherryError):
                await self.remove(volume.name, force=False)
                removed.append(volume.name)
                space += max(size, 0)
        self._events.publish("volume", "prune", "", {"reclaimed": str(space)})
        return VolumesPruned(tuple(removed), space)


def _volume_points(record: Container) -> list[MountPoint]:
    return [point for point in record.mounts if point.kind == "volume"]


def _use_details(point: MountPoint) -> dict[str, str]:
    return {
        "destination": point.destination,
        "propagation": point.propagation,
        "read/write": str(point.rw).lower(),
    }


def _check(name: str, request: VolumeRequest) -> None:
    try:
        checks.check_name(name)
        checks.check_driver(request.driver)
        checks.check_options(request.options)
    except WherryError as error:
        raise type(error)(f"create {name}: {error.message}", hint=error.hint) from None


def _check_same(known: Volume, request: VolumeRequest) -> None:
    """A volume that is there is taken as it is, unless something else is clearly meant."""
    if request.driver not in ("", known.driver) or (
        request.options and dict(request.options) != dict(known.options or {})
    ):
        raise Conflict(
            f"create {known.name}: a volume of that name exists with other options",
            hint="remove it first, or leave the options out",
        )


@contextlib.contextmanager
def _io(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Internal(f"{what}: {error}") from error
