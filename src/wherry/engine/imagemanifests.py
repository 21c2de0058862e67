"""What stands behind a name: the manifests of an index, those here and those not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from wherry.engine.values.images import ManifestFacts
from wherry.image.record import ARTIFACT, UNPACKED
from wherry.spec import image as documents

if TYPE_CHECKING:
    from wherry.image.record import Image, IndexTree
    from wherry.image.removal import ImageUsers
    from wherry.image.store import ImageStore
    from wherry.spec.image import Descriptor

_ABOUT = "vnd.docker.reference.digest"


class Manifests:
    """Looks manifests up, for lists and inspect."""

    def __init__(self, store: ImageStore, users: ImageUsers) -> None:
        self._store = store
        self._users = users

    def target(self, image: Image) -> Descriptor | None:
        """What the image's first name stands for, else the manifest that it came with."""
        names = (*image.tags, *image.digests)
        digest = self._store.target(names[0]).digest if names else ""
        tree = self._store.index(digest) if digest else None
        if tree is not None:
            return tree.documents[0].descriptor
        stored = self._store.manifests(image.id)
        wanted = [one for one in stored if one.digest == digest] or stored
        return wanted[0].descriptor if wanted else None

    def of(self, image: Image) -> tuple[ManifestFacts, ...]:
        """Every manifest of the index behind the image's first name, else the image's own."""
        target = self.target(image)
        if target is None:
            return ()
        tree = self._store.index(target.digest)
        if tree is None:
            return (self._there(target, image.id),)
        return tuple(self._entry(entry, tree) for entry in tree.manifests)

    def _entry(self, entry: Descriptor, tree: IndexTree) -> ManifestFacts:
        id = self._store.members(tree.root).get(entry.digest)
        if id is not None:
            return self._there(entry, id)
        kind = "attestation" if entry.is_attestation else "image"
        return ManifestFacts(entry, kind, False, entry.platform, attests=_about(entry))

    def _there(self, entry: Descriptor, id: str) -> ManifestFacts:
        image = self._store.get(id)
        found = self._store.manifest(entry.digest)
        size = entry.size + (self._content_size(found[0].document) if found else 0)
        facts = ManifestFacts(entry, "image", True, entry.platform, id, size)
        if image.kind == ARTIFACT:
            kind = "attestation" if entry.is_attestation else "unknown"
            return replace(facts, kind=kind, attests=_about(entry))
        users = tuple(user.container_id for user in self._users.users_of(id))
        unpacked = image.size if image.kind == UNPACKED else 0
        return replace(
            facts, platform=image.config.platform, unpacked_size=unpacked, containers=users
        )

    def _content_size(self, document: bytes) -> int:
        manifest = documents.parse_manifest(document)
        return manifest.config.size + sum(layer.size for layer in manifest.layers)


def _about(entry: Descriptor) -> str:
    return entry.annotations.get(_ABOUT, "") if entry.is_attestation else ""
