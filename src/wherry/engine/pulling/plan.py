"""What a manifest brings: the image or artifact it is, and the parts to have for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from wherry.engine.pulling.layers import Part
from wherry.errors import Invalid
from wherry.image.record import ARTIFACT, CONTENT, UNPACKED, Addition
from wherry.spec import image as documents

if TYPE_CHECKING:
    from wherry.image.record import StoredManifest
    from wherry.spec.image import Descriptor, ImageConfig, Manifest


@dataclass(frozen=True, slots=True)
class Planned:
    """One manifest of a pull: what will be recorded, and what has to be there for that."""

    addition: Addition
    parts: tuple[Part, ...]


def is_image(entry: Descriptor, manifest: Manifest) -> bool:
    """Whether it has a config that says how to run it."""
    return manifest.is_image and not entry.is_attestation


def artifact(stored: StoredManifest, manifest: Manifest) -> Planned:
    """What is no image: every blob is kept, none is looked into."""
    blobs = _distinct((manifest.config, *manifest.layers))
    addition = Addition(ARTIFACT, b"", stored, tuple(blob.digest for blob in blobs))
    return Planned(addition, tuple(Part(blob) for blob in blobs))


def image(stored: StoredManifest, manifest: Manifest, document: bytes, *, unpack: bool) -> Planned:
    """An image; its layers are unpacked where asked for and where they are of a Linux."""
    config = documents.parse_config(document)
    if unpack and can_unpack(config):
        parts = unpacked_parts(stored.digest, manifest, config)
        return Planned(Addition(UNPACKED, document, stored), parts)
    blobs = _distinct(manifest.layers)
    addition = Addition(CONTENT, document, stored, tuple(blob.digest for blob in blobs))
    return Planned(addition, tuple(Part(blob) for blob in blobs))


def can_unpack(config: ImageConfig) -> bool:
    """Whether its layers are trees of files in our sense; those of Windows are not."""
    return config.platform.os == "linux"


def unpacked_parts(digest: str, manifest: Manifest, config: ImageConfig) -> tuple[Part, ...]:
    """The layers with their diffIDs, each once. Raises Invalid when the numbers do not fit."""
    if len(config.diff_ids) != len(manifest.layers):
        raise Invalid(
            f"manifest {digest} lists {len(manifest.layers)} layers, its config "
            f"{len(config.diff_ids)}"
        )
    pairs = zip(manifest.layers, config.diff_ids, strict=True)
    parts: dict[str, Part] = {}
    for layer, diff_id in pairs:
        known = parts.setdefault(layer.digest, Part(layer, diff_id))
        if known.diff_id != diff_id:
            raise Invalid(
                f"manifest {digest} has blob {layer.digest} for two layers: "
                f"{known.diff_id} and {diff_id}"
            )
    return tuple(parts.values())


def merged(planned: list[Planned]) -> list[Part]:
    """The parts of all, each blob once; unpacked if any of them wants it so."""
    parts: dict[str, Part] = {}
    for part in (part for one in planned for part in one.parts):
        known = parts.setdefault(part.descriptor.digest, part)
        if part.diff_id and not known.diff_id:
            parts[part.descriptor.digest] = replace(known, diff_id=part.diff_id)
    return list(parts.values())


def _distinct(descriptors: tuple[Descriptor, ...]) -> list[Descriptor]:
    return list({descriptor.digest: descriptor for descriptor in descriptors}.values())
