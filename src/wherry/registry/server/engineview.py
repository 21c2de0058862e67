"""An engine's images as a registry: read-only, from its own data root, without a second copy.

The engine may run meanwhile: its database lets others read, and nothing here writes. Blobs that the
engine keeps are served as they are; a layer of which it keeps none is served as the plain tar that
its recipe re-creates, under a manifest made for it. A layer that the engine deletes while it is
streamed breaks that answer off.

Repositories are found by the path of a name: `library/debian` (or `debian`) is
docker.io/library/debian, so that the registry can stand in for Docker Hub; `quay.io/team/app` names
the domain; any other path finds the image whose path it is, whatever its registry was.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

from wherry.errors import Invalid, NotFound
from wherry.image.record import Image
from wherry.image.store import ImageStore
from wherry.registry.server.content import Blob, FileBlob, StoredManifest, StreamBlob
from wherry.registry.server.errors import RegistryError
from wherry.registry.server.paging import Page
from wherry.registry.server.ranges import Span
from wherry.registry.server.reading import blob_unknown, manifest_unknown, name_unknown
from wherry.spec import digest as digests
from wherry.spec import image as documents
from wherry.spec import reference as references
from wherry.spec.image import Descriptor
from wherry.spec.reference import DEFAULT_DOMAIN, Reference
from wherry.storage.content import ContentStore
from wherry.storage.database import Database
from wherry.storage.gc import Collector
from wherry.storage.layer import LayerStore


class EngineView:
    """Contents of one data root. Raises Invalid when no engine has ever used it."""

    def __init__(self, data_root: str) -> None:
        path = os.path.join(data_root, "wherry.db")
        if not os.path.exists(path):
            raise Invalid(
                f"{data_root} is not the data root of an engine: it holds no wherry.db",
                hint="the default of the daemon is /var/lib/wherry",
            )
        self._database = Database(path)
        collector = Collector(self._database)
        blobs = os.path.join(data_root, "blobs")
        self._content = ContentStore(blobs, self._database, collector)
        layers = os.path.join(data_root, "layers")
        self._layers = LayerStore(layers, self._database, collector, self._content)
        self._images = ImageStore(self._database, self._layers, collector)

    def close(self) -> None:
        """Close the engine's database."""
        self._database.close()

    def counts(self) -> dict[str, int]:
        """How many images and repositories there are."""
        names = {name.name for name in self._names()}
        return {"repositories": len(names), "images": sum(1 for _ in self._images.images())}

    async def manifest(self, name: str, reference: str) -> StoredManifest:
        """See Contents."""
        found = self._repository(name)
        if ":" in reference:
            stored = self._by_digest(found, reference)
        else:
            stored = self._by_tag(found, reference)
        if stored is None:
            raise manifest_unknown(name, reference)
        return stored

    def _by_tag(self, repository: Reference, tag: str) -> StoredManifest | None:
        target = self._images.named(repository.with_tag(tag))
        if target is None:
            return None
        if target.digest and (stored := self._stored(target.digest)):
            return stored
        return self._of_image(self._images.get(target.image))

    def _by_digest(self, repository: Reference, digest: str) -> StoredManifest | None:
        if stored := self._stored(digest):
            return stored
        made = (self._by_tag(repository, tag) for tag in self._images.tags_of(repository.name))
        return next((each for each in made if each and each.digest == digest), None)

    def _stored(self, digest: str) -> StoredManifest | None:
        """A manifest or index that the engine has kept."""
        if tree := self._images.index(digest):
            root = tree.documents[0]
            return StoredManifest(root.digest, root.media_type, root.document)
        if kept := self._images.manifest(digest):
            return StoredManifest(digest, kept[0].media_type, kept[0].document)
        return None

    def _of_image(self, image: Image) -> StoredManifest:
        """The manifest that an image came with if its blobs are here, else one of plain layers."""
        for kept in self._images.manifests(image.id):
            manifest = documents.parse_manifest(kept.document)
            if all(self._has(layer.digest) for layer in manifest.layers):
                return StoredManifest(kept.digest, kept.media_type, kept.document)
        config = Descriptor(documents.OCI_CONFIG, image.id, len(image.document))
        layers = tuple(
            Descriptor(documents.OCI_LAYER, each, self._layers.get(each).tar_size)
            for each in image.layers
        )
        document = documents.encode_manifest(config, layers)
        return StoredManifest(digests.of(document), documents.OCI_MANIFEST, document)

    def _has(self, digest: str) -> bool:
        return self._content.has(digest) or self._layers.has(digest)

    async def blob(self, name: str, digest: str) -> Blob:
        """See Contents."""
        self._repository(name)
        if self._content.has(digest):
            return FileBlob(self._content.open(digest), self._content.size(digest))
        if self._layers.has(digest):
            size = self._layers.get(digest).tar_size
            return StreamBlob(size, lambda span: _portions(self._tar(digest), span))
        if document := self._images.document(digest):
            return StreamBlob(len(document), lambda span: _slice(document, span))
        raise blob_unknown(name, digest)

    def _tar(self, digest: str) -> Callable[[], Iterator[bytes]]:
        return lambda: self._layers.tar(digest)

    async def blob_size(self, name: str, digest: str) -> int:
        """See Contents."""
        blob = await self.blob(name, digest)
        if isinstance(blob, FileBlob):
            blob.file.close()
        return blob.size

    async def tags(self, name: str, page: Page) -> Sequence[str]:
        """See Contents."""
        found = self._images.tags_of(self._repository(name).name)
        return [tag for tag in sorted(found) if tag > page.last][: page.count + 1]

    async def referrers(self, name: str, digest: str) -> Sequence[dict[str, Any]]:
        """See Contents; an engine does not keep who refers to whom."""
        return []

    async def repositories(self, page: Page) -> Sequence[str]:
        """See Contents."""
        names = sorted({_shown(name) for name in self._names()})
        return [name for name in names if name > page.last][: page.count + 1]

    def _names(self) -> Iterator[Reference]:
        for image in self._images.images():
            for tag in image.tags:
                yield references.parse(tag)

    def _repository(self, name: str) -> Reference:
        """The engine's repository that a path means. Raises RegistryError: NAME_UNKNOWN."""
        known = {(each.domain, each.path): each for each in self._names()}
        domain, _, rest = name.partition("/")
        wanted = [(DEFAULT_DOMAIN, name), (DEFAULT_DOMAIN, f"library/{name}"), (domain, rest)]
        wanted += sorted(each for each in known if each[1] == name)
        for each in wanted:
            if each in known:
                return Reference(*each)
        raise name_unknown(name)


def _shown(name: Reference) -> str:
    """How the catalog calls a repository; a domain with a port cannot stand in a name."""
    if name.domain == DEFAULT_DOMAIN or ":" in name.domain:
        return name.path
    return f"{name.domain}/{name.path}"


async def _slice(document: bytes, span: Span) -> AsyncIterator[bytes]:
    yield document[span.start : span.end + 1]


async def _portions(begin: Callable[[], Iterator[bytes]], span: Span) -> AsyncIterator[bytes]:
    """A part of what a blocking iterator gives, made in worker threads."""
    try:
        portions = await asyncio.to_thread(begin)
        offset = 0
        while offset <= span.end and (data := await asyncio.to_thread(next, portions, b"")):
            yield data[max(0, span.start - offset) : span.end + 1 - offset]
            offset += len(data)
    except NotFound as error:
        raise RegistryError("BLOB_UNKNOWN", error.message) from None
