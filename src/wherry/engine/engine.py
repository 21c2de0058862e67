"""The engine, put together: wiring only, no behaviour."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from wherry.engine.background import Background
from wherry.engine.containers.builtin import BuiltinRuntime
from wherry.engine.containers.cdi.service import DeviceInterface
from wherry.engine.containers.committing import Commits
from wherry.engine.containers.create import Creation
from wherry.engine.containers.execs import Execs
from wherry.engine.containers.foreign.programs import Programs
from wherry.engine.containers.labelling import Labelling
from wherry.engine.containers.launching import Launching
from wherry.engine.containers.lifecycle import Lifecycle
from wherry.engine.containers.removal import Removal
from wherry.engine.containers.roster import Roster
from wherry.engine.containers.service import Containers, Parts
from wherry.engine.containers.spec.compose import Composer
from wherry.engine.containers.stopping import Stopping
from wherry.engine.containers.store import ContainerTable
from wherry.engine.containers.usernamespaces import UserNamespaces
from wherry.engine.containers.volumeusers import VolumeUsers
from wherry.engine.copying.service import Copies
from wherry.engine.events import EventLog
from wherry.engine.host import inspect_host
from wherry.engine.images import Images
from wherry.engine.networks.gate import Gate
from wherry.engine.networks.networking import Networking
from wherry.engine.networks.service import Networks
from wherry.engine.reconcile import Reconciliation
from wherry.engine.registries import Registries
from wherry.engine.runnable import RunnableImages
from wherry.engine.system import Settings, System, engine_id
from wherry.engine.values.containers import RemoveRequest, StopRequest
from wherry.engine.volumes.directories import Directories
from wherry.engine.volumes.service import Volumes
from wherry.engine.volumes.store import VolumeTable
from wherry.errors import Conflict, NotFound, NotModified, WherryError
from wherry.image.removal import ImageUser
from wherry.image.store import ImageStore
from wherry.storage.stores import open_stores

if TYPE_CHECKING:
    from wherry.engine.containers.live import Live
    from wherry.engine.containers.record import Container
    from wherry.storage.stores import Stores

FINISH: float = 5.0
"""Seconds that background work gets when the engine closes."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Engine:
    """Everything that the API needs, and how to end it. Make it with `open`."""

    containers: Containers
    execs: Execs
    images: Images
    registries: Registries
    volumes: Volumes
    networking: Networking
    networks: Networks
    system: System
    events: EventLog
    parts: Parts
    stores: Stores
    runtime: BuiltinRuntime
    background: Background

    @classmethod
    async def open(cls, settings: Settings, exec_root: str) -> Self:
        """Open stores and keeper, and bring both together. Raises kinds, KeeperGone, OSError."""
        stores = await asyncio.to_thread(open_stores, settings.data_root)
        host = await asyncio.to_thread(inspect_host)
        runtime = await BuiltinRuntime.open(exec_root, settings.data_root)
        background, events = Background(), EventLog()
        roster = Roster(ContainerTable(stores.database), events)
        images = ImageStore(stores.database, stores.layers, stores.collector)
        programs = Programs(settings.runtimes)
        programs.check_default()
        cdi = DeviceInterface(settings.cdi_directories)
        composer = Composer(host, settings.cgroup_parent, programs, cdi)
        places = Directories(os.path.join(settings.data_root, "volumes"))
        volumes = Volumes(VolumeTable(stores.database), places, VolumeUsers(roster), events)
        user_namespaces = UserNamespaces(settings.user_namespaces, roster)
        networking = _networking(settings, stores, roster, events, user_namespaces)
        directory = _containers_directory(settings)
        labelling = Labelling(roster)
        await labelling.label_layers(settings.data_root)
        launching = Launching(
            roster, stores.snapshotter, runtime, composer, volumes, networking, labelling
        )
        lifecycle = Lifecycle(roster, launching, runtime, background)
        stopping = Stopping(roster, runtime, lifecycle)
        removal = Removal(roster, stores.snapshotter, lifecycle, stopping, volumes)
        runnable = RunnableImages(images, stores.collector)
        creation = Creation(
            roster, runnable, stores.snapshotter, host, volumes, networking, directory,
            settings.profile, programs, labelling, user_namespaces, cdi,
        )  # fmt: skip
        execs = Execs(roster, runtime, composer, background)
        lifecycle.process_gone = execs.container_ended
        lifecycle.ended = _removing(removal)

        parts = Parts(
            roster, creation, lifecycle, stopping, removal, runtime, stores.snapshotter, images,
            host, background, Copies(roster, stores.snapshotter, volumes, programs),
            Commits(roster, stopping, stores.snapshotter, images, stores.collector),
        )  # fmt: skip
        image_service = Images(stores, images, Users(roster), events, settings.registries)
        system = System(
            settings, host, roster, events, stores, image_service, volumes, programs,
            labelling, cdi,
        )  # fmt: skip
        engine = cls(
            containers=Containers(parts),
            execs=execs,
            images=image_service,
            registries=Registries(settings.registries),
            volumes=volumes,
            networking=networking,
            networks=Networks(networking.gate, roster, events, background),
            system=system,
            events=events,
            parts=parts,
            stores=stores,
            runtime=runtime,
            background=background,
        )
        engine.system.network_warnings = networking.gate.warnings
        await Reconciliation(
            roster, runtime, stores.snapshotter, lifecycle, execs, removal, host, composer,
            directory, background, networking,
        ).run()  # fmt: skip
        volumes.settle()
        return engine

    async def close(self) -> None:
        """Let go of everything; containers run on."""
        self.parts.lifecycle.closing = True
        await self.background.finish(FINISH)
        await self.networking.gate.close(remove=False)
        self.images.close()
        self.runtime.close()
        self.stores.close()

    async def stop_all(self, timeout: int | None) -> None:
        """Stop every container, then the keeper. Raises Conflict when something does not end."""
        running = [live for live in self.parts.roster if live.record.state.running]
        await asyncio.gather(*(self._stop(live, timeout) for live in running))
        self.parts.lifecycle.closing = True
        for live in self.parts.roster:
            await self.parts.lifecycle.let_go(live)
        await self.background.finish(FINISH)
        await self.networking.gate.close(remove=True)
        await self.runtime.shutdown_keeper()

    async def _stop(self, live: Live, timeout: int | None) -> None:
        wanted_by_user = live.record.manually_stopped
        try:
            await self.parts.stopping.stop(live, StopRequest(timeout))
        except (NotModified, NotFound):
            return
        except WherryError as error:
            _log.error("container %s was not stopped: %s", live.record.name, error)
        # The whole engine ends; a container that shall always run starts with it again.
        live.record.manually_stopped = wanted_by_user
        if self.parts.roster.by_id(live.id) is live:
            self.parts.roster.move(live, live.record.state)


def _containers_directory(settings: Settings) -> str:
    path = os.path.join(settings.data_root, "containers")
    os.makedirs(path, mode=0o710, exist_ok=True)
    return path


def _networking(
    settings: Settings,
    stores: Stores,
    roster: Roster,
    events: EventLog,
    user_namespaces: UserNamespaces,
) -> Networking:
    id = engine_id(settings.data_root)

    def records() -> list[Container]:
        return [live.record for live in roster]

    def denied(container_id: str, attributes: Mapping[str, str]) -> None:
        if (live := roster.by_id(container_id)) is not None:
            roster.tell(live, "egress-denied", **attributes)

    place = "" if settings.machine_wide else settings.data_root
    gate = Gate(
        settings.networks, stores.database, records, id, place, denied, user_namespaces.upcoming
    )
    return Networking(gate, roster, events, id)


class Users:
    """Which containers use an image: the role `ImageUsers`."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster

    def users_of(self, image_id: str) -> list[ImageUser]:
        """The containers made of the image, or with a mount of it."""
        records = (live.record for live in self._roster)
        return [
            ImageUser(record.id, record.state.running)
            for record in records
            if image_id in (record.image_id, *(p.name for p in record.mounts if p.snapshot))
        ]


def _removing(removal: Removal) -> Callable[[Live], Awaitable[None]]:
    """What happens to a container with `--rm` at its end."""

    async def remove(live: Live) -> None:
        try:
            await removal.remove(live, RemoveRequest(force=True, volumes=True))
        except (Conflict, NotFound) as error:
            _log.debug("container %s is removed by somebody else: %s", live.id, error)

    return remove
