"""An image index in an archive, and what it lists beside the image that the name leads to.

As after a pull of all platforms (decision 130), the others are kept as blobs. An archive may hold
only some of what its index lists: what lacks a part is left out, and the index is kept all the
same, with its digest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wherry.errors import Invalid
from wherry.image import archiveblobs
from wherry.image.indexes import DEEPEST
from wherry.image.record import ARTIFACT, CONTENT, Addition, IndexTree, StoredManifest
from wherry.spec import digest as digests
from wherry.spec import image as documents

if TYPE_CHECKING:
    from wherry.image.spool import Member, Spool
    from wherry.spec.image import Descriptor


@dataclass(frozen=True, slots=True)
class Sibling:
    """Another manifest of the index: what will be recorded, and its blobs in the archive."""

    addition: Addition
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class PlannedIndex:
    """The index, and all that it lists and that is here, but for the main image."""

    tree: IndexTree
    siblings: tuple[Sibling, ...]


def plan(spool: Spool, root: Descriptor, main: str) -> PlannedIndex:
    """The index that `root` points at; `main` is the digest of the main image's manifest.

    Raises Invalid for what is damaged.
    """
    found: list[StoredManifest] = []
    entries = _flat(spool, root, found, 0)
    others = {entry.digest: entry for entry in entries if entry.digest != main}
    siblings = (_sibling(spool, entry) for entry in others.values())
    return PlannedIndex(
        IndexTree(tuple(found), tuple(entries)),
        tuple(sibling for sibling in siblings if sibling is not None),
    )


def _flat(
    spool: Spool, index: Descriptor, found: list[StoredManifest], depth: int
) -> list[Descriptor]:
    """Every manifest below an index that is no index; `found` gets the indexes."""
    if depth > DEEPEST:
        raise Invalid("the image indexes of the archive are nested too deeply")
    stored = StoredManifest(index.digest, index.media_type, archiveblobs.document(spool, index))
    found.append(stored)
    flat: list[Descriptor] = []
    for entry in documents.parse_index(stored.document).manifests:
        if entry.media_type in documents.INDEX_TYPES:
            flat += _flat(spool, entry, found, depth + 1)
        else:
            flat.append(entry)
    return flat


def _sibling(spool: Spool, entry: Descriptor) -> Sibling | None:
    """None when a part of it is missing, or has a digest that was not computed."""
    if not _is_here(spool, entry):
        return None
    raw = archiveblobs.document(spool, entry)
    manifest = documents.parse_manifest(raw)
    stored = StoredManifest(entry.digest, entry.media_type, raw)
    if not all(_is_here(spool, blob) for blob in (manifest.config, *manifest.layers)):
        return None
    if manifest.is_image and not entry.is_attestation:
        kind, document = CONTENT, archiveblobs.document(spool, manifest.config)
        blobs = {blob.digest: blob for blob in manifest.layers}
    else:
        kind, document = ARTIFACT, b""
        blobs = {blob.digest: blob for blob in (manifest.config, *manifest.layers)}
    members = tuple(archiveblobs.member(spool, blob) for blob in blobs.values())
    return Sibling(Addition(kind, document, stored, tuple(blobs)), members)


def _is_here(spool: Spool, blob: Descriptor) -> bool:
    return digests.algorithm(blob.digest) == "sha256" and archiveblobs.has(spool, blob)
