"""Images through a scoped socket: the role `ImageBackend`, narrowed.

Images are shared by all who may use the engine. The patterns of a scope say which names it may use;
without patterns it may use any and change none, since a name that means something else afterwards
means it for everybody. What it committed itself is its own, too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wherry.errors import Denied
from wherry.spec import reference as references

if TYPE_CHECKING:
    from wherry.api.scoped.sight import Sight
    from wherry.engine.values.images import (
        HistoryEntry,
        ImageFacts,
        ImageQuery,
        ImagesPruned,
        ImportRequest,
        Progress,
        PullRequest,
        PushRequest,
        Removed,
    )


@dataclass(frozen=True, slots=True)
class ScopedImages:
    """See `wherry.api.backend.ImageBackend` for what each method promises."""

    sight: Sight

    async def list(self, query: ImageQuery) -> Sequence[ImageFacts]:
        """Return the images that match and may be used."""
        for name in ("before", "since"):
            for ref in query.filters.get(name, ()):
                await self.sight.image(ref)
        found = await self.sight.engine.images.list(query)
        return [image for image in found if self.sight.sees_image(image)]

    async def get(self, ref: str, *, platform: str = "", manifests: bool = False) -> ImageFacts:
        """Return one image."""
        await self.sight.image(ref)
        return await self.sight.engine.images.get(ref, platform=platform, manifests=manifests)

    async def history(self, ref: str, *, platform: str = "") -> Sequence[HistoryEntry]:
        """Return how it was made."""
        await self.sight.image(ref)
        return await self.sight.engine.images.history(ref, platform=platform)

    async def save(self, refs: Sequence[str], *, platform: str = "") -> AsyncIterator[bytes]:
        """Write images that may be used as an archive."""
        for ref in refs:
            await self.sight.image(ref)
        return await self.sight.engine.images.save(refs, platform=platform)

    # -- changing

    async def _own(self, ref: str, what: str) -> ImageFacts:
        image = await self.sight.image(ref)
        if not self.sight.owns_image(image):
            self.sight.check_name(ref, what)
        return image

    async def tag(self, ref: str, repository: str, tag: str) -> None:
        """Give an image that may be used a name that may be changed."""
        image = await self.sight.image(ref)
        self.sight.check_name(f"{repository}:{tag}" if tag else repository, "tag")
        await self.sight.engine.images.tag(image.id, repository, tag)

    async def remove(
        self, ref: str, *, force: bool, prune: bool, of: Sequence[str] = ()
    ) -> Sequence[Removed]:
        """Untag a name that may be changed, or delete an image all of whose names may be."""
        image = await self._own(ref, "remove")
        if not self.sight.matches(ref):
            # By an id every name goes.
            for name in (*image.repo_tags, *image.repo_digests):
                self.sight.check_name(name, "remove")
        return await self.sight.engine.images.remove(ref, force=force, prune=prune, of=of)

    async def prune(self, filters: Mapping[str, tuple[str, ...]]) -> ImagesPruned:
        """Remove dangling images that were committed through the socket."""
        if not self.sight.scope.labels or filters.get("dangling", ("true",)) != ("true",):
            raise Denied(
                "through this socket only dangling images that carry its label can be pruned",
                hint="remove others by name",
            )
        return await self.sight.engine.images.prune(self.sight.narrowed(filters))

    async def load(self, archive: AsyncIterator[bytes], *, quiet: bool) -> AsyncIterator[Progress]:
        """Never: an archive brings whatever names it likes."""
        raise Denied("images cannot be loaded through a scoped socket", hint="pull them")

    async def import_root(
        self, archive: AsyncIterator[bytes], request: ImportRequest
    ) -> AsyncIterator[Progress]:
        """Make an image of a name that may be changed."""
        self.sight.check_name(request.reference, "import")
        return await self.sight.engine.images.import_root(archive, request)

    # -- registries

    async def pull(self, request: PullRequest) -> AsyncIterator[Progress]:
        """Fetch an image whose name may be used."""
        if self.sight.scope.images:
            self.sight.check_name(request.reference, "pull")
        return await self.sight.engine.images.pull(request)

    async def push(self, request: PushRequest) -> AsyncIterator[Progress]:
        """Send an image of a name that may be changed."""
        name = request.reference
        if request.all_tags:
            name = f"{references.parse(name).familiar_name}:*"
            if name not in self.sight.scope.images:
                raise Denied(
                    f"push {request.reference}: all tags at once need the pattern {name}",
                    hint="push them one by one",
                )
        else:
            self.sight.check_name(name, "push")
        return await self.sight.engine.images.push(request)
