"""Layers as blobs: compressed once, and the blob kept, so that its digest never changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from wherry.image.compression import gzip_compressor
from wherry.spec import image as documents
from wherry.spec.image import Descriptor

if TYPE_CHECKING:
    from wherry.storage.layer import LayerStore
    from wherry.storage.leases import Lease


def compressed(layers: LayerStore, diff_id: str, lease: Lease) -> Descriptor:
    """The layer's kept blob, made now where there is none; held by `lease`.

    Raises NotFound, Internal for a damaged layer, OSError (ENOSPC).
    """
    lease.add("layer", diff_id)
    with layers.claim(diff_id):
        for blob in layers.blobs(diff_id):
            lease.add("blob", blob.digest)
            if layers.content.has(blob.digest):
                size = layers.content.size(blob.digest)
                return Descriptor(blob.media_type, blob.digest, size)
        return _compress(layers, diff_id, lease)


def _compress(layers: LayerStore, diff_id: str, lease: Lease) -> Descriptor:
    compressor = gzip_compressor()
    with layers.content.writer() as writer:
        for portion in layers.tar(diff_id):
            writer.write(compressor.compress(portion))
        writer.write(compressor.flush())
        digest = writer.commit(writer.digest, lease)
        size = writer.size
    layers.keep_blob(diff_id, digest, documents.DOCKER_LAYER_GZIP)
    return Descriptor(documents.DOCKER_LAYER_GZIP, digest, size)


def spooled_tar(layers: LayerStore, diff_id: str) -> BinaryIO:
    """The layer's plain tar as a file that can be read again from any place; gone when closed."""
    with layers.content.writer() as writer:
        for portion in layers.tar(diff_id):
            writer.write(portion)
        return writer.open()
