"""What a name stands for in a registry: documents and blobs, in the order they go there."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, cast

from wherry.engine.pushing.compress import compressed, spooled_tar
from wherry.errors import Internal, NotFound
from wherry.image.record import ARTIFACT, CONTENT, StoredManifest
from wherry.spec import digest as digests
from wherry.spec import image as documents
from wherry.spec.image import Descriptor, Manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wherry.image.names import Target
    from wherry.image.record import Image
    from wherry.image.store import ImageStore
    from wherry.spec.platform import Platform
    from wherry.storage.leases import Lease


@dataclass(frozen=True, slots=True)
class Blob:
    """One blob to send. `shown` is the digest people know it by: a layer's diffID."""

    descriptor: Descriptor
    open: Callable[[], BinaryIO]
    shown: str = ""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Blobs, then manifests by digest, at last `root`, which the tag is for.

    `instead_of` is the index that could not be sent since parts of it are not here.
    """

    image: str
    root: StoredManifest
    manifests: tuple[StoredManifest, ...]
    blobs: tuple[Blob, ...]
    instead_of: StoredManifest | None = None


class Contents:
    """Finds, and where it must makes, what is to be sent. Blocking."""

    def __init__(self, images: ImageStore, lease: Lease, prepared: Callable[[str], None]) -> None:
        """`prepared` is told the diffID of each layer before it is compressed."""
        self._images = images
        self._lease = lease
        self._prepared = prepared

    def of(self, target: Target, platform: Platform | None, ref: str) -> Outgoing:
        """What the target stands for: a whole index, else one manifest.

        Raises NotFound when the platform that was asked for is not here.
        """
        tree = self._images.index(target.digest) if target.digest else None
        if platform is not None:
            return self._single(self._images.resolve(ref, platform), "")
        if tree is None:
            return self._single(self._images.get(target.image), target.digest)
        members = self._images.members(tree.root)
        if any(entry.digest not in members for entry in tree.manifests):
            one = self._single(self._images.get(target.image), "", tree.manifests)
            return Outgoing(one.image, one.root, one.manifests, one.blobs, tree.documents[0])
        parts = [self._kept(entry.digest) for entry in tree.manifests]
        blobs = {blob.descriptor.digest: blob for part in parts for blob in part.blobs}
        manifests = [part.root for part in parts] + [*reversed(tree.documents[1:])]
        return Outgoing(target.image, tree.documents[0], tuple(manifests), tuple(blobs.values()))

    def _single(self, image: Image, wanted: str, listed: Sequence[Descriptor] = ()) -> Outgoing:
        """One manifest: the wanted one, one that the index lists, any that is whole, a new one."""
        stored = self._images.manifests(image.id)
        preferred = {wanted, *(entry.digest for entry in listed)}
        stored.sort(key=lambda one: one.digest not in preferred)
        for manifest in stored:
            found = self._outgoing(image, manifest)
            if found is not None:
                return found
        if image.kind in (ARTIFACT, CONTENT):
            raise Internal(f"{image.id} has lost its manifest")
        return self._made(image)

    def _kept(self, digest: str) -> Outgoing:
        found = self._images.manifest(digest)
        outgoing = self._outgoing(self._images.get(found[1]), found[0]) if found else None
        if outgoing is None:
            raise NotFound(f"manifest {digest} is no longer there", hint="pull the image again")
        return outgoing

    def _outgoing(self, image: Image, stored: StoredManifest) -> Outgoing | None:
        """With the blobs of the manifest, None when one of them is not kept."""
        manifest = documents.parse_document(stored.document, stored.media_type)
        assert isinstance(manifest, Manifest)
        shown = dict(zip((layer.digest for layer in manifest.layers), image.layers, strict=False))
        blobs = [self._layer(layer, shown.get(layer.digest, "")) for layer in manifest.layers]
        if None in blobs:
            return None
        config = Blob(manifest.config, self._config(image, manifest.config))
        return Outgoing(image.id, stored, (), (*cast("list[Blob]", blobs), config))

    def _layer(self, layer: Descriptor, diff_id: str) -> Blob | None:
        self._lease.add("blob", layer.digest)
        content = self._images.content
        if content.has(layer.digest):
            return Blob(layer, lambda: content.open(layer.digest), diff_id)
        if layer.digest == diff_id:
            layers = self._images.layers
            self._lease.add("layer", diff_id)
            return Blob(layer, lambda: spooled_tar(layers, diff_id), diff_id)
        return Blob(layer, _no_bytes, diff_id) if layer.is_foreign else None

    def _config(self, image: Image, config: Descriptor) -> Callable[[], BinaryIO]:
        if image.kind == ARTIFACT:
            self._lease.add("blob", config.digest)
            return lambda: self._images.content.open(config.digest)
        return lambda: io.BytesIO(image.document)

    def _made(self, image: Image) -> Outgoing:
        """A manifest for an image that was made here; kept, so that the digest stays the same."""
        layers: list[Descriptor] = []
        for diff_id in image.layers:
            self._prepared(diff_id)
            layers.append(compressed(self._images.layers, diff_id, self._lease))
        docker = all(layer.media_type == documents.DOCKER_LAYER_GZIP for layer in layers)
        config = Descriptor(
            documents.DOCKER_CONFIG if docker else documents.OCI_CONFIG,
            image.id,
            len(image.document),
        )
        media_type = documents.DOCKER_MANIFEST if docker else documents.OCI_MANIFEST
        document = documents.encode_manifest(config, tuple(layers), media_type)
        stored = StoredManifest(digests.of(document), media_type, document)
        self._images.keep_manifest(image.id, stored)
        outgoing = self._outgoing(image, stored)
        assert outgoing is not None
        return outgoing


def _no_bytes() -> BinaryIO:
    raise Internal("a foreign layer is never sent")
