"""The images part of the engine: the role `ImageBackend` over the image store.

Everything that touches files runs in threads of its own pool; queries of the database are short
enough for the loop. Events are published when their change is durable.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wherry.engine import imagelisting
from wherry.engine.imagelisting import facts
from wherry.engine.imagemanifests import Manifests
from wherry.engine.threadstreams import Reporting, ThreadReader, from_thread
from wherry.engine.values.images import (
    HistoryEntry,
    ImageFacts,
    ImageQuery,
    ImagesPruned,
    ImportRequest,
    Progress,
    Removed,
)
from wherry.errors import Conflict, NotFound
from wherry.image import rootimport
from wherry.image.load import ImageLoaded, LayerLoaded, Loader
from wherry.image.record import UNPACKED
from wherry.image.removal import DELETED, Remover
from wherry.image.save import Saved, Saver
from wherry.spec import platform as platforms
from wherry.spec import reference

if TYPE_CHECKING:
    from wherry.engine.events import EventLog
    from wherry.engine.imagetransfers import Transfers
    from wherry.engine.values.images import PullRequest, PushRequest
    from wherry.image.record import Image
    from wherry.image.removal import ImageUsers, Step
    from wherry.image.store import ImageStore
    from wherry.registry.config import RegistryConfig
    from wherry.spec.platform import Platform
    from wherry.spec.reference import Reference
    from wherry.storage.stores import Stores

_THREADS = 8
_NO_DETAIL: Mapping[str, str] = {}


class Images:
    """Implements `wherry.api.backend.ImageBackend`."""

    def __init__(
        self,
        stores: Stores,
        store: ImageStore,
        users: ImageUsers,
        events: EventLog,
        registries: RegistryConfig,
    ) -> None:
        self._stores = stores
        self._store = store
        self._users = users
        self._events = events
        self._registries = registries
        self._transfers_made: Transfers | None = None
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="images")
        self._remover = Remover(store, users)
        self._manifests = Manifests(store, users)
        self._loader = Loader(store, stores.content, stores.collector)
        self._saver = Saver(store, stores.content)

    def close(self) -> None:
        """Give the threads back when the work in progress is done; pulls and pushes are ended."""
        if self._transfers_made is not None:
            self._transfers_made.close()
        self._threads.shutdown()

    async def _run(self, work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    # Looking

    async def list(self, query: ImageQuery) -> Sequence[ImageFacts]:
        """See `ImageBackend.list`."""
        found: Sequence[ImageFacts] = await self._run(lambda: self._list(query))
        return found

    def _list(self, query: ImageQuery) -> Sequence[ImageFacts]:
        chosen = imagelisting.select(self._store, query.filters, everything=query.all)
        everyone = (facts(image, "", _NO_DETAIL) for image in chosen)
        shown = [imagelisting.narrowed(one, query.filters) for one in everyone]
        if query.shared_size:
            everything = [*self._store.images()]
            sizes = imagelisting.shared_sizes(everything, self._store.layers)
            shown = [replace(one, shared_size=sizes.get(one.id, 0)) for one in shown]
        if query.manifests:
            by_id = {image.id: image for image in chosen}
            shown = [self._with_manifests(one, by_id[one.id]) for one in shown]
        return shown

    def _with_manifests(self, shown: ImageFacts, image: Image) -> ImageFacts:
        return replace(shown, manifests=self._manifests.of(image))

    async def get(self, ref: str, *, platform: str = "", manifests: bool = False) -> ImageFacts:
        """See `ImageBackend.get`."""
        main = self._store.resolve(ref)
        image = self._store.resolve(ref, platforms.parse(platform)) if platform else main
        shown = facts(image, self._stores.snapshotter.name, self._directories(image))
        if imagelisting.is_behind(image):
            names = facts(main, "", _NO_DETAIL)
            shown = replace(shown, repo_tags=names.repo_tags, repo_digests=names.repo_digests)
        shown = replace(shown, descriptor=self._manifests.target(main))
        return self._with_manifests(shown, main) if manifests else shown

    def _directories(self, image: Image) -> dict[str, str]:
        """Where the layers are, by the names of Docker's overlay2 driver."""
        if image.kind != UNPACKED:
            return {}
        paths = [self._store.layers.diff_path(diff_id) for diff_id in reversed(image.layers)]
        names = {"UpperDir": paths[0]} if paths else {}
        return names | ({"LowerDir": ":".join(paths[1:])} if len(paths) > 1 else {})

    async def history(self, ref: str, *, platform: str = "") -> Sequence[HistoryEntry]:
        """See `ImageBackend.history`."""
        wanted = platforms.parse(platform) if platform else None
        return imagelisting.history(self._store.resolve(ref, wanted), self._store.layers)

    # Naming and removing

    async def tag(self, ref: str, repository: str, tag: str) -> None:
        """See `ImageBackend.tag`."""
        image = self._store.resolve(ref)
        name = reference.parse(f"{repository}:{tag}" if tag else repository).tagged()
        if name.digest:
            raise Conflict("refusing to create a tag with a digest reference")
        self._store.tag(image.id, name, self._store.target(ref).digest)
        self._publish("tag", image, name.familiar)

    async def remove(
        self, ref: str, *, force: bool, prune: bool, of: Sequence[str] = ()
    ) -> Sequence[Removed]:
        """See `ImageBackend.remove`."""
        wanted = [platforms.parse(text) for text in of]
        remover = self._remover
        steps: list[Step] = await self._run(
            lambda: (
                remover.remove_platforms(ref, wanted, force=force)
                if wanted
                else remover.remove(ref, force=force, prune=prune)
            )
        )
        return self._removed(steps)

    def _removed(self, steps: Sequence[Step]) -> tuple[Removed, ...]:
        """Tell the world; "deleted" of a layer is no event."""
        for step in steps:
            if step.kind != DELETED:
                self._events.publish("image", "untag", step.image_id, {"name": step.image_id})
            elif step.name == step.image_id:
                self._events.publish("image", "delete", step.image_id, {"name": step.image_id})
        return tuple(Removed(step.kind, step.name) for step in steps)

    async def prune(self, filters: Mapping[str, tuple[str, ...]]) -> ImagesPruned:
        """See `ImageBackend.prune`: dangling images, or with `dangling=false` all unused ones.

        Broken-off downloads go too, unless a filter says which images are meant.
        """
        steps, space = await self._run(lambda: self._prune(filters))
        removed = self._removed(steps)
        if not filters.keys() - {"dangling"}:
            space += await self._clear_unfinished()
        self._events.publish("image", "prune", "", {"reclaimed": str(space)})
        return ImagesPruned(removed, space)

    async def _clear_unfinished(self) -> int:
        """Remove broken-off downloads, but for those that somebody goes on with; bytes freed."""
        if not (await self._run(self._stores.content.partials.usage)).inodes:
            return 0
        transfers = await self._transfers()
        freed: int = await self._run(transfers.clear_unfinished)
        return freed

    def _prune(self, filters: Mapping[str, tuple[str, ...]]) -> tuple[Sequence[Step], int]:
        rest = {name: values for name, values in filters.items() if name != "dangling"}
        dangling = filters.get("dangling")
        only_dangling = imagelisting.truth("dangling", dangling) if dangling else True
        before = {layer.diff_id: layer.size for layer in self._store.layers.all()}
        steps: list[Step] = []
        for image in imagelisting.select(self._store, rest, everything=False):
            if not self._users.users_of(image.id) and not (only_dangling and image.tags):
                steps += self._remove_unused(image)
        after = {layer.diff_id for layer in self._store.layers.all()}
        return steps, sum(size for diff_id, size in before.items() if diff_id not in after)

    def _remove_unused(self, image: Image) -> Sequence[Step]:
        """By every name it has; somebody may have been quicker, or begun to use it."""
        steps: list[Step] = []
        for ref in [*image.tags, *image.digests] or [image.id]:
            try:
                steps += self._remover.remove(ref)
            except (NotFound, Conflict):
                break
        return steps

    # Archives

    async def load(self, archive: AsyncIterator[bytes], *, quiet: bool) -> AsyncIterator[Progress]:
        """See `ImageBackend.load`."""
        reader = ThreadReader(archive, asyncio.get_running_loop())
        work = Reporting[LayerLoaded | ImageLoaded](
            self._threads, lambda report: self._loader.load(reader, report)
        )
        return self._load_news(work, quiet=quiet)

    async def _load_news(
        self, work: Reporting[LayerLoaded | ImageLoaded], *, quiet: bool
    ) -> AsyncIterator[Progress]:
        async for news in work.news():
            if isinstance(news, ImageLoaded):
                for piece in _loaded(news):
                    yield piece
                self._events.publish("image", "load", news.id, {"name": news.id})
            elif not quiet:
                short = news.diff_id.removeprefix("sha256:")[:12]
                yield Progress("Loading layer", short, news.size, news.size)

    async def save(self, refs: Sequence[str], *, platform: str = "") -> AsyncIterator[bytes]:
        """See `ImageBackend.save`."""
        saved = self._saved(refs, platforms.parse(platform) if platform else None)
        for one in saved:
            self._publish("save", one.image, one.image.id)
        return from_thread(self._threads, self._archive(saved))

    def _saved(self, refs: Sequence[str], platform: Platform | None = None) -> Sequence[Saved]:
        """Each image once, with the names it was asked for by; a bare repository means all tags.

        With a platform, that one's images in the place of those that the names lead to.
        """
        names: dict[tuple[str, str], dict[Reference, None]] = {}
        targets: dict[tuple[str, str], str] = {}
        for ref in refs:
            for id, name in self._asked(ref):
                image, target = id, self._store.target(str(name or id)).digest
                if platform is not None:
                    image, target = self._store.resolve(str(name or id), platform).id, ""
                key = (image, target if self._store.index(target) else "")
                names.setdefault(key, {}).update({name: None} if name else {})
                targets[key] = targets.get(key) or target
        return [
            Saved(self._store.get(key[0]), tuple(found), targets[key])
            for key, found in names.items()
        ]

    def _asked(self, ref: str) -> Iterator[tuple[str, Reference | None]]:
        """A repository goes before an id's prefix, as with Docker."""
        tagged = [] if _has_tag(ref) else list(self._tags_of(ref))
        if tagged:
            yield from tagged
            return
        image = self._store.resolve(ref)
        named = [name for tag in image.tags if (name := _means(ref, tag))]
        yield image.id, named[0] if named else None

    def _tags_of(self, repository: str) -> Iterator[tuple[str, Reference]]:
        for image in self._store.images():
            for tag in image.tags:
                name = reference.parse(tag)
                if repository in (name.name, name.familiar_name):
                    yield image.id, name

    def _archive(self, saved: Sequence[Saved]) -> Iterator[bytes]:
        """The archive, with everything in it held until it is written."""
        with self._stores.collector.lease() as lease:
            for image in self._saver.images_of(saved):
                for blob in self._store.blobs(image.id):
                    lease.add("blob", blob)
                for diff_id in image.layers:
                    lease.add("layer", diff_id)
                    for kept in self._store.layers.blobs(diff_id):
                        lease.add("blob", kept.digest)
            yield from self._saver.save(saved)

    async def import_root(
        self, archive: AsyncIterator[bytes], request: ImportRequest
    ) -> AsyncIterator[Progress]:
        """See `ImageBackend.import_root`."""
        name = reference.parse(request.reference).tagged() if request.reference else None
        wanted = rootimport.RootImport(request.message, request.changes, request.platform)
        rootimport.check(wanted)
        reader = ThreadReader(archive, asyncio.get_running_loop())
        return self._import_news(reader, wanted, name)

    async def _import_news(
        self, reader: ThreadReader, wanted: rootimport.RootImport, name: Reference | None
    ) -> AsyncIterator[Progress]:
        collector = self._stores.collector
        image: Image = await self._run(
            lambda: rootimport.import_root(self._store, collector, reader, wanted)
        )
        if name is not None:
            self._store.tag(image.id, name)
        self._publish("import", image, name.familiar if name else image.id)
        yield Progress(image.id)

    # Registries

    async def pull(self, request: PullRequest) -> AsyncIterator[Progress]:
        """See `ImageBackend.pull`."""
        return (await self._transfers()).pull(request)

    async def push(self, request: PushRequest) -> AsyncIterator[Progress]:
        """See `ImageBackend.push`."""
        return (await self._transfers()).push(request)

    async def _transfers(self) -> Transfers:
        """Made, and what it needs imported, at the first pull or push."""
        if self._transfers_made is None:
            made: Transfers = await self._run(self._make_transfers)
            self._transfers_made = self._transfers_made or made
        return self._transfers_made

    def _make_transfers(self) -> Transfers:
        from wherry.engine.imagetransfers import Transfers

        return Transfers(self._stores, self._store, self._registries, self._events)

    def _publish(self, action: str, image: Image, name: str) -> None:
        labels = {str(key): str(value) for key, value in image.config.labels.items()}
        self._events.publish("image", action, image.id, {**labels, "name": name})


def _means(ref: str, tag: str) -> Reference | None:
    """The name itself when the reference as typed is that name."""
    name = reference.parse(tag)
    return name if ref in (name.familiar, str(name)) else None


def _has_tag(ref: str) -> bool:
    return ":" in ref.rpartition("/")[2]


def _loaded(news: ImageLoaded) -> Iterator[Progress]:
    """What `docker load` prints."""
    for name, before in news.replaced:
        text = f"The image {name} already exists, renaming the old one with ID {before} "
        yield Progress(stream=f"{text}to empty string\n")
    for name in news.names:
        yield Progress(stream=f"Loaded image: {name}\n")
    if not news.names:
        yield Progress(stream=f"Loaded image ID: {news.id}\n")
