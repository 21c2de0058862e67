"""Images of which only the blobs were kept, made fit to run: another platform's, usually."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherry.errors import Invalid, NotFound, Unsupported
from wherry.image.layerblobs import place
from wherry.image.record import ARTIFACT, CONTENT, UNPACKED, Addition
from wherry.spec import image as documents

if TYPE_CHECKING:
    from wherry.image.record import Image, StoredManifest
    from wherry.image.store import ImageStore
    from wherry.spec.image import Manifest
    from wherry.storage.gc import Collector


def check_runnable(images: ImageStore, image: Image, ref: str) -> None:
    """Raises Invalid or Unsupported, saying why, for what can be kept but never run here."""
    if image.kind == ARTIFACT:
        kind = _manifest(images, image)[1].kind
        raise Invalid(
            f"{ref} is not an image but an artifact of type {kind}: it has no file system and "
            "no command to run",
            hint="`wherry save` writes what it holds",
        )
    system = image.config.platform.os
    if system != "linux":
        raise Unsupported(
            f'image operating system "{system}" cannot be used on this platform: {ref} is made for '
            f"{image.config.platform} and needs a kernel of that kind",
            hint="it can be kept, saved and pushed; choose another with --platform",
        )


def materialise(images: ImageStore, collector: Collector, image: Image) -> Image:
    """Unpack the layers of an image whose blobs are all here. Blocks; Invalid, Unavailable."""
    if image.kind != CONTENT:
        return image
    stored, manifest = _manifest(images, image)
    with collector.lease() as lease:
        for layer, diff_id in zip(manifest.layers, image.layers, strict=True):
            lease.add("blob", layer.digest)
            lease.add("layer", diff_id)
            place(images.layers, layer, diff_id, lease)
        images.add_all([Addition(UNPACKED, image.document, stored)], lease)
    return images.get(image.id)


def _manifest(images: ImageStore, image: Image) -> tuple[StoredManifest, Manifest]:
    for stored in images.manifests(image.id):
        manifest = documents.parse_manifest(stored.document)
        if all(images.content.has(layer.digest) for layer in manifest.layers):
            return stored, manifest
    raise NotFound(f"the layers of {image.id} are no longer there", hint="pull it again")
