"""What is there for a scoped socket: whatever else the engine has is answered as if it were not.

Objects are looked up once and handed on by their whole ids, so that a name that is taken over
meanwhile leads nowhere else. Nothing here tells an object that is hidden from one that is not
there: not by a status, not by a message, not by a prefix that "fits several".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from wherry.engine.containers.confinement import carries
from wherry.engine.values.containers import ListQuery
from wherry.errors import Denied, Invalid, NotFound
from wherry.spec import reference as references

if TYPE_CHECKING:
    from wherry.api.backend import Backends
    from wherry.engine.containers.record import Container
    from wherry.engine.networks.facts import NetworkFacts
    from wherry.engine.networks.values import Network
    from wherry.engine.scopes.values import Scope
    from wherry.engine.values.images import ImageFacts
    from wherry.engine.volumes.values import VolumeFacts

Filters = Mapping[str, tuple[str, ...]]

SHARED_NETWORKS: Final = ("bridge", "none")
"""Networks that every scope sees: with its own containers in them, and nobody else's."""


@dataclass(frozen=True, slots=True)
class Sight:
    """Finds what a scope may see, with the engine's own roles."""

    scope: Scope
    engine: Backends

    def may(self, verb: str) -> bool:
        """Whether the scope has a verb; for what one route does in two ways."""
        return verb in self.scope.verbs

    def has_labels(self, labels: Mapping[str, str] | None) -> bool:
        """Whether these are an object's that the scope sees; without labels it sees all."""
        return carries(labels, self.scope.labels)

    def labelled(self, labels: Mapping[str, str] | None) -> Mapping[str, str] | None:
        """The labels of something that is made. Raises Denied for others of the same name."""
        for key, value in (labels or {}).items():
            if self.scope.labels.get(key, value) != value:
                raise Denied(
                    f'label "{key}" is "{self.scope.labels[key]}" on everything made through the '
                    f'socket {self.scope.name}, not "{value}"'
                )
        return {**(labels or {}), **self.scope.labels} if self.scope.labels else labels

    def narrowed(self, filters: Filters) -> dict[str, tuple[str, ...]]:
        """Filters of a list or a prune that let nothing else through."""
        own = tuple(f"{key}={value}" for key, value in self.scope.labels.items())
        return {**filters, "label": (*filters.get("label", ()), *own)} if own else dict(filters)

    # -- containers

    async def container(self, ref: str) -> Container:
        """A container that the scope sees. Raises NotFound, Invalid."""
        try:
            found = await self.engine.containers.get(ref)
        except (NotFound, Invalid):
            if not self.scope.labels:
                raise
        else:
            if self.has_labels(found.config.labels):
                return found
        return await self._by_prefix(ref)

    async def _by_prefix(self, ref: str) -> Container:
        """What only the scope's own containers share a beginning with."""
        fits = [each for each in await self.own_containers() if ref and each.id.startswith(ref)]
        if len(fits) > 1:
            raise Invalid(f"multiple IDs found with provided prefix: {ref}")
        if not fits:
            raise NotFound(f"No such container: {ref}")
        return fits[0]

    async def own_containers(self) -> list[Container]:
        """All containers that the scope sees."""
        query = ListQuery(all=True, filters=self.narrowed({}))
        found = await self.engine.containers.list(query)
        return [each for each in found if self.has_labels(each.config.labels)]

    # -- volumes and networks

    async def volume(self, name: str) -> VolumeFacts:
        """A volume that the scope sees. Raises NotFound."""
        found = await self.engine.volumes.get(name)
        if not self.has_labels(found.volume.labels):
            raise NotFound(f"get {name}: no such volume")
        return found

    async def network(self, ref: str) -> NetworkFacts:
        """A network that the scope sees, its own or a shared one. Raises NotFound."""
        try:
            found = await self.engine.networks.get(ref)
        except Invalid:  # several fit, some of which the scope does not see
            found = None
        if found is None or not self.sees_network(found.network):
            raise NotFound(f"network {ref} not found")
        return found

    def sees_network(self, network: Network) -> bool:
        """Whether it is the scope's own, or shared."""
        return self.owns_network(network) or network.name in SHARED_NETWORKS

    def owns_network(self, network: Network) -> bool:
        """Whether the scope may change it."""
        return not network.predefined and self.has_labels(network.labels)

    async def own_network(self, ref: str) -> Network:
        """A network that the scope may change. Raises NotFound, Denied."""
        network = (await self.network(ref)).network
        if not self.owns_network(network):
            raise Denied(f"{network.name} is a pre-defined network and cannot be changed")
        return network

    # -- images

    def matches(self, ref: str) -> bool:
        """Whether a name is one of those that the scope may use."""
        try:
            parsed = references.parse(ref).tagged()
        except Invalid:
            return False
        names = (parsed.familiar, str(parsed), parsed.familiar_name, parsed.name)
        return any(fnmatchcase(name, glob) for name in names for glob in self.scope.images)

    def sees_image(self, image: ImageFacts) -> bool:
        """Whether one of its names may be used, or it was made through the socket."""
        return not self.scope.images or self.owns_image(image)

    def owns_image(self, image: ImageFacts) -> bool:
        """Whether the scope may change it: by a name, or by the labels that its container had."""
        if any(self.matches(name) for name in (*image.repo_tags, *image.repo_digests)):
            return True
        labels = (image.config or {}).get("Labels") or {}
        return bool(self.scope.labels) and self.has_labels(labels)

    async def image(self, ref: str) -> ImageFacts:
        """An image that the scope sees. Raises NotFound."""
        try:
            found = await self.engine.images.get(ref)
        except Invalid:
            found = None
        if found is None or not self.sees_image(found):
            raise NotFound(f"No such image: {ref}")
        return found

    async def image_to_use(self, ref: str) -> str:
        """What a container may be made of: the name where it may be used, else a seen image's id.

        Raises NotFound.
        """
        if not self.scope.images or self.matches(ref):
            return ref
        return (await self.image(ref)).id

    def check_name(self, ref: str, what: str) -> None:
        """Raise Denied unless the scope may make a name of an image mean something else."""
        if not self.matches(ref):
            raise Denied(
                f"{what} {ref}: the socket {self.scope.name} may change no image of that name",
                hint="names that may be changed are given with --image when the socket is made",
            )
