"""The engine itself through a scoped socket, and its events: what concerns the scope's objects."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from wherry.api.scoped.images import ScopedImages
from wherry.engine.values.images import ImageQuery
from wherry.engine.values.system import DiskUsage, SystemFacts, VersionFacts
from wherry.errors import Invalid, NotFound
from wherry.registry.config import Proxies, RegistryConfig

if TYPE_CHECKING:
    from wherry.api.scoped.sight import Sight
    from wherry.engine.values.events import Event, EventQuery


@dataclass(frozen=True, slots=True)
class ScopedSystem:
    """See `wherry.api.backend.SystemBackend` for what each method promises."""

    sight: Sight

    async def version(self) -> VersionFacts:
        """Return what it is."""
        return await self.sight.engine.system.version()

    async def info(self) -> SystemFacts:
        """Return how the machine is, and counts of the scope's own objects."""
        facts = await self.sight.engine.system.info()
        states = [each.state for each in await self.sight.own_containers()]
        paused = sum(state.paused for state in states)
        running = sum(state.running for state in states) - paused
        return replace(
            facts,
            containers=len(states),
            running=running,
            paused=paused,
            stopped=len(states) - running - paused,
            images=len(await ScopedImages(self.sight).list(ImageQuery())),
            driver_status=(),
            root_dir="",
            name="",
            init_binary="",
            open_files=-1,
            tasks=-1,
            event_listeners=0,
            labels=(),
            warnings=(),
            registries=RegistryConfig(),
            proxies=Proxies(),
        )

    async def disk_usage(self) -> DiskUsage:
        """Return what the scope's objects take."""
        usage = await self.sight.engine.system.disk_usage()
        sight = self.sight
        images = [image for image in usage.images if sight.sees_image(image)]
        return replace(
            usage,
            layers_size=sum(image.size for image in images),
            images=images,
            containers=[row for row in usage.containers if sight.has_labels(row[0].config.labels)],
            volumes=[each for each in usage.volumes if sight.has_labels(each.volume.labels)],
        )


@dataclass(frozen=True, slots=True)
class ScopedEvents:
    """What happens to the scope's objects: the role `EventBackend`, narrowed."""

    sight: Sight

    async def subscribe(self, query: EventQuery) -> AsyncIterator[Event]:
        """Yield the events that concern the scope."""
        watch = Watch(self.sight, *await _own(self.sight))
        events = await self.sight.engine.events.subscribe(query)
        return _seen(events, watch)


async def _own(sight: Sight) -> tuple[set[str], set[str], set[str]]:
    containers = {each.id for each in await sight.own_containers()}
    volumes = await sight.engine.volumes.list(sight.narrowed({}))
    networks = await sight.engine.networks.list({})
    return (
        containers,
        {each.volume.name for each in volumes},
        {each.network.id for each in networks if sight.owns_network(each.network)},
    )


async def _seen(events: AsyncIterator[Event], watch: Watch) -> AsyncIterator[Event]:
    try:
        async for event in events:
            if await watch.sees(event):
                yield event
    finally:
        close = getattr(events, "aclose", None)
        if close is not None:
            await close()


@dataclass(slots=True)
class Watch:
    """Which events are the scope's: by the object while it is there, and as it was known after.

    An event tells names and labels as texts of one map, where a label could pass for a name: so the
    object is looked up. What was gone before the watch began is not told of.
    """

    sight: Sight
    containers: set[str]
    volumes: set[str]
    networks: set[str]

    async def sees(self, event: Event) -> bool:
        """Whether the event concerns an object of the scope."""
        if not self.sight.scope.labels and not self.sight.scope.images:
            return True
        look = {
            "container": self._container,
            "volume": self._volume,
            "network": self._network,
            "image": self._image,
        }.get(event.type)
        return look is not None and await look(event)

    async def _container(self, event: Event) -> bool:
        known = await self._knows_container(event.actor)
        if event.action == "destroy":
            self.containers.discard(event.actor)
        return known

    async def _knows_container(self, id: str) -> bool:
        if id not in self.containers:
            try:
                self.containers.add((await self.sight.container(id)).id)
            except (NotFound, Invalid):
                return False
        return id in self.containers

    async def _volume(self, event: Event) -> bool:
        """A name may be given to somebody else's volume after the scope's own went."""
        try:
            await self.sight.volume(event.actor)
        except NotFound:
            gone = event.action == "destroy" and event.actor in self.volumes
            self.volumes.discard(event.actor)
            return gone
        self.volumes.add(event.actor)
        return True

    async def _network(self, event: Event) -> bool:
        """A shared network's comings and goings are the container's affair."""
        if container := event.attributes.get("container", ""):
            return await self._knows_container(container)
        if event.actor not in self.networks:
            try:
                found = (await self.sight.network(event.actor)).network
            except (NotFound, Invalid):
                return False
            if self.sight.owns_network(found):
                self.networks.add(found.id)
        known = event.actor in self.networks
        if event.action == "destroy":
            self.networks.discard(event.actor)
        return known

    async def _image(self, event: Event) -> bool:
        if not self.sight.scope.images or self.sight.matches(event.attributes.get("name", "")):
            return True
        try:
            await self.sight.image(event.actor)
        except (NotFound, Invalid):
            return False
        return True
