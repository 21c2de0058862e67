"""Loading image archives into the store."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wherry.errors import Invalid
from wherry.image import archiveplan, compression
from wherry.image.layerblobs import plain_digest
from wherry.image.record import UNPACKED, Addition
from wherry.image.spool import Spool
from wherry.image.unpacking import unpack_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.image.archiveindex import PlannedIndex
    from wherry.image.archiveplan import LayerSource, PlannedImage
    from wherry.image.compression import Readable
    from wherry.image.record import Image, StoredManifest
    from wherry.image.store import ImageStore
    from wherry.storage.content import ContentStore
    from wherry.storage.gc import Collector
    from wherry.storage.leases import Lease

_WORKERS = 4


@dataclass(frozen=True, slots=True)
class LayerLoaded:
    """News: a layer is in place. `size` is the length of its archive member in bytes."""

    diff_id: str
    size: int


@dataclass(frozen=True, slots=True)
class ImageLoaded:
    """News: an image is in place under `names` (familiar form); `replaced` had them before.

    `replaced` pairs the name with the id that lost it.
    """

    id: str
    names: tuple[str, ...]
    replaced: tuple[tuple[str, str], ...]


class Loader:
    """Loads archives. One call works in one thread, and in workers for the layers."""

    def __init__(self, images: ImageStore, content: ContentStore, collector: Collector) -> None:
        self._images = images
        self._content = content
        self._collector = collector

    def load(
        self, source: Readable, report: Callable[[LayerLoaded | ImageLoaded], None]
    ) -> list[Image]:
        """Take a whole archive in, then its layers, then its images, each all or nothing.

        Raises Invalid for an archive that is damaged or does not fit its digests, Unavailable when
        the disk is full. Images before the failing one stay.
        """
        with Spool(self._content) as spool, self._collector.lease() as lease:
            spool.fill(source)
            planned = archiveplan.plan(spool)
            self._load_layers(planned, lease, report)
            return [self._load_image(image, lease, report) for image in planned]

    def _load_layers(
        self,
        planned: list[PlannedImage],
        lease: Lease,
        report: Callable[[LayerLoaded | ImageLoaded], None],
    ) -> None:
        """Each layer once, several at a time; the first failure ends it."""
        sources = {layer.diff_id: layer for image in planned for layer in image.layers}
        for diff_id in sources:
            lease.add("layer", diff_id)
        with ThreadPoolExecutor(_WORKERS, thread_name_prefix="unpack") as pool:
            tasks = [pool.submit(self._load_layer, layer, lease) for layer in sources.values()]
            try:
                for task, layer in zip(tasks, sources.values(), strict=True):
                    task.result()
                    report(LayerLoaded(layer.diff_id, layer.member.size))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def _load_layer(self, layer: LayerSource, lease: Lease) -> None:
        store = self._images.layers
        with store.claim(layer.diff_id):
            known = store.has(layer.diff_id)
            if not known:
                with layer.member.open() as file:
                    unpack_file(
                        store, file, lease, expected=layer.diff_id, blob=layer.member.digest
                    )
            if layer.media_type and _is_compressed(layer):
                self._keep_blob(layer, lease, verified=not known)

    def _keep_blob(self, layer: LayerSource, lease: Lease, *, verified: bool) -> None:
        """A compressed blob that a manifest names stays, so that the manifest's digest does.

        One that was not unpacked just now could hold anything, so it is read for its diffID.
        """
        member = layer.member
        lease.add("blob", member.digest)
        if any(blob.digest == member.digest for blob in self._images.layers.blobs(layer.diff_id)):
            return
        if not verified:
            with member.open() as file:
                found = plain_digest(file, member.digest)
            if found != layer.diff_id:
                raise Invalid(f"blob {member.digest} does not hold the layer {layer.diff_id}")
        self._content.accept(member.path, member.digest, member.size, lease)
        self._images.layers.keep_blob(layer.diff_id, member.digest, layer.media_type)

    def _load_image(
        self,
        planned: PlannedImage,
        lease: Lease,
        report: Callable[[LayerLoaded | ImageLoaded], None],
    ) -> Image:
        if len(planned.document) == 0:
            raise Invalid("the image's config is empty")
        replaced = self._record(planned, lease)
        names = tuple(name.familiar for name in planned.names)
        report(ImageLoaded(planned.id, names, tuple(replaced)))
        return self._images.get(planned.id)

    def _record(self, planned: PlannedImage, lease: Lease) -> list[tuple[str, str]]:
        """The image under its names; returns those that others had, with whose they were."""
        if planned.index is not None and planned.manifest is not None:
            return self._record_index(planned, planned.manifest, planned.index, lease)
        self._images.add(planned.document, lease, manifest=planned.manifest)
        owners = [(name.familiar, self._images.tag(planned.id, name)) for name in planned.names]
        return [(name, owner) for name, owner in owners if owner]

    def _record_index(
        self, planned: PlannedImage, manifest: StoredManifest, index: PlannedIndex, lease: Lease
    ) -> list[tuple[str, str]]:
        """The index as after a pull: the main image unpacked, the others as blobs."""
        for member in (member for sibling in index.siblings for member in sibling.members):
            self._content.accept(member.path, member.digest, member.size, lease)
        additions = [
            Addition(UNPACKED, planned.document, manifest),
            *(sibling.addition for sibling in index.siblings),
        ]
        owners = [
            (
                name.familiar,
                self._images.add_all(additions, lease, name=name, index=index.tree),
            )
            for name in planned.names
        ]
        return [(name, owner) for name, owner in owners if owner]


def _is_compressed(layer: LayerSource) -> bool:
    with layer.member.open() as file:
        return compression.detect(file.read(compression.HEAD)) != compression.NONE
