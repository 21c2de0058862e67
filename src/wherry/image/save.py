"""Saving images as an archive: OCI image layout and docker-archive in one, or the older form.

The default is what `docker save` writes since 25: `blobs/sha256/...`, `index.json` and
`manifest.json` pointing at the same files, so that Docker of any age, skopeo and podman read it.
`legacy` gives the names that older ones wrote (`<id>.json`, `<id>/layer.tar`). The bytes depend on
the images only: saving twice gives the same archive. Shared layers are written once.
"""

from __future__ import annotations

import tarfile
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from wherry.errors import Unsupported
from wherry.image.record import ARTIFACT, UNPACKED
from wherry.spec import digest as digests
from wherry.spec import image as documents
from wherry.spec.image import Descriptor
from wherry.spec.reference import Reference

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from wherry.image.record import Image, StoredManifest
    from wherry.image.store import ImageStore
    from wherry.storage.content import ContentStore

_CHUNK = 1 << 20
_BLOCK = 512
_END = bytes(2 * _BLOCK)


@dataclass(frozen=True, slots=True)
class Saved:
    """An image to save and the names to save it under."""

    image: Image
    names: tuple[Reference, ...] = ()
    target: str = ""
    """The digest of the manifest or index that the names stand for, if it is known."""


@dataclass(frozen=True, slots=True)
class _Layer:
    """A layer in the form in which it is written: as it came compressed, else plain."""

    diff_id: str
    descriptor: Descriptor
    is_blob: bool


@dataclass(frozen=True, slots=True)
class _Planned:
    saved: Saved
    manifest: Descriptor
    manifest_document: bytes
    layers: tuple[_Layer, ...]
    config: Descriptor | None = None
    """The config where it is a blob of its own: of an artifact."""
    others: tuple[_Planned, ...] = ()
    """The other platforms of an index."""
    indexes: tuple[StoredManifest, ...] = ()
    """The index that the names stand for, and those nested in it."""

    @property
    def root(self) -> Descriptor:
        """What the names stand for."""
        return self.indexes[0].descriptor if self.indexes else self.manifest

    @property
    def parts(self) -> tuple[_Planned, ...]:
        """Everything that has a manifest, the main one first."""
        return (self, *self.others)


class Saver:
    """Writes archives."""

    def __init__(self, images: ImageStore, content: ContentStore) -> None:
        self._images = images
        self._content = content

    def save(self, images: Sequence[Saved], *, legacy: bool = False) -> Iterator[bytes]:
        """The archive in portions. The caller keeps the images from being deleted meanwhile.

        Raises Internal, on the way, for a layer that turns out to be damaged.
        """
        planned = [self._plan(saved, plain=legacy) for saved in images]
        names = _legacy_names if legacy else _layout_names
        written: set[str] = set()
        for part in (part for image in planned for part in image.parts):
            yield from self._part(part, names, written, legacy=legacy)
        for index in (index for image in planned for index in image.indexes):
            yield from _once(names(index.digest, "index"), index.document, written)
        if not legacy:
            yield from _small("index.json", _index(planned))
            yield from _small("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        yield from _small("manifest.json", _manifest_json(planned, names))
        yield from _end(planned)

    def _part(
        self, part: _Planned, names: Any, written: set[str], *, legacy: bool
    ) -> Iterator[bytes]:
        """Layers, config and manifest, each unless it was written before."""
        for layer in part.layers:
            path = names(layer.descriptor.digest, "layer")
            if path not in written:
                written.add(path)
                yield from _file(path, layer.descriptor.size, self._layer(layer))
        if part.config is not None:
            path = names(part.config.digest, "config")
            if path not in written:
                written.add(path)
                yield from _file(path, part.config.size, self._blob(part.config.digest))
        else:
            image = part.saved.image
            yield from _once(names(image.id, "config"), image.document, written)
        if not legacy:
            path = names(part.manifest.digest, "manifest")
            yield from _once(path, part.manifest_document, written)

    def images_of(self, saved: Sequence[Saved]) -> list[Image]:
        """Every image that goes into the archive, to be held meanwhile."""
        ids = {one.image.id: None for one in saved}
        for one in saved:
            ids |= dict.fromkeys(self._images.members(one.target).values())
        return [self._images.get(id) for id in ids]

    def _plan(self, saved: Saved, *, plain: bool) -> _Planned:
        """The manifest the image came with when all its blobs are still there, else a new one."""
        image = saved.image
        original = None if plain else self._whole_index(saved) or self._original(saved)
        if original is not None:
            return original
        if image.kind != UNPACKED:
            raise Unsupported(f"{image.id} can only be saved in the form it came in")
        layers = tuple(self._plain_layer(diff_id) for diff_id in image.layers)
        config = Descriptor(documents.OCI_CONFIG, image.id, len(image.document))
        document = documents.encode_manifest(config, tuple(layer.descriptor for layer in layers))
        manifest_descriptor = Descriptor(
            documents.OCI_MANIFEST, digests.of(document), len(document)
        )
        return _Planned(saved, manifest_descriptor, document, layers)

    def _whole_index(self, saved: Saved) -> _Planned | None:
        """The index that the names stand for, when everything that it lists is here."""
        tree = self._images.index(saved.target) if saved.target else None
        if tree is None:
            return None
        members = self._images.members(tree.root)
        if any(entry.digest not in members for entry in tree.manifests):
            return None
        parts = [
            self._original(Saved(self._images.get(members[entry.digest]), (), entry.digest))
            for entry in tree.manifests
        ]
        there = [part for part in parts if part is not None]
        there.sort(key=lambda part: part.saved.image.id != saved.image.id)
        if len(there) < len(parts) or not there:
            return None
        return replace(there[0], saved=saved, others=tuple(there[1:]), indexes=tree.documents)

    def _original(self, saved: Saved) -> _Planned | None:
        """A manifest of the image whose blobs are all here, the one that is named first."""
        stored = self._images.manifests(saved.image.id)
        stored.sort(key=lambda one: one.digest != saved.target)
        planned = (self._with_manifest(saved, one) for one in stored)
        return next((one for one in planned if one is not None), None)

    def _with_manifest(self, saved: Saved, stored: StoredManifest) -> _Planned | None:
        image, manifest = saved.image, documents.parse_manifest(stored.document)
        if image.kind == UNPACKED:
            layers = tuple(
                _Layer(diff_id, layer, layer.digest != diff_id)
                for diff_id, layer in zip(image.layers, manifest.layers, strict=True)
            )
        else:
            layers = tuple(_Layer(layer.digest, layer, True) for layer in manifest.layers)
        if any(one.is_blob and not self._content.has(one.descriptor.digest) for one in layers):
            return None
        config = manifest.config if image.kind == ARTIFACT else None
        return _Planned(saved, stored.descriptor, stored.document, layers, config)

    def _plain_layer(self, diff_id: str) -> _Layer:
        size = self._images.layers.get(diff_id).tar_size
        return _Layer(diff_id, Descriptor(documents.OCI_LAYER, diff_id, size), False)

    def _layer(self, layer: _Layer) -> Iterator[bytes]:
        if not layer.is_blob:
            return self._images.layers.tar(layer.diff_id)
        return self._blob(layer.descriptor.digest)

    def _blob(self, digest: str) -> Iterator[bytes]:
        with self._content.open(digest) as file:
            while data := file.read(_CHUNK):
                yield data


def _layout_names(digest: str, kind: str) -> str:
    return f"blobs/{digests.algorithm(digest)}/{digests.encoded(digest)}"


def _legacy_names(digest: str, kind: str) -> str:
    name = digests.encoded(digest)
    return f"{name}/layer.tar" if kind == "layer" else f"{name}.json"


def _index(planned: Sequence[_Planned]) -> bytes:
    manifests: list[dict[str, Any]] = []
    for image in planned:
        descriptor = image.root.to_json()
        platform = image.saved.image.config.platform
        if platform.os and not image.indexes:
            descriptor["platform"] = documents.platform_to_json(platform)
        for name in image.saved.names or (None,):
            annotations = _annotations(name) if name else {}
            manifests.append(descriptor | ({"annotations": annotations} if annotations else {}))
    return documents.encode(
        {"schemaVersion": 2, "mediaType": documents.OCI_INDEX, "manifests": manifests}
    )


def _annotations(name: Reference) -> dict[str, str]:
    return {
        "io.containerd.image.name": str(name),
        "org.opencontainers.image.ref.name": name.tag,
    }


def _manifest_json(planned: Sequence[_Planned], names: Any) -> bytes:
    items = [
        {
            "Config": names(image.saved.image.id, "config"),
            "RepoTags": [name.familiar for name in image.saved.names] or None,
            "Layers": [names(layer.descriptor.digest, "layer") for layer in image.layers],
        }
        for image in planned
        if image.config is None  # an artifact is none that Docker could load
    ]
    return documents.encode_list(items)


def _end(planned: Sequence[_Planned]) -> Iterator[bytes]:
    """`repositories`, which tools of before Docker 1.10 look for, and the end of the archive."""
    repositories: dict[str, dict[str, str]] = {}
    for image in planned:
        if image.layers:
            top = digests.encoded(image.layers[-1].descriptor.digest)
            for name in image.saved.names:
                repositories.setdefault(name.familiar_name, {})[name.tag] = top
    if repositories:
        yield from _small("repositories", documents.encode(repositories))
    yield _END


def _once(path: str, data: bytes, written: set[str]) -> Iterator[bytes]:
    if path not in written:
        written.add(path)
        yield from _small(path, data)


def _small(path: str, data: bytes) -> Iterator[bytes]:
    return _file(path, len(data), (data,))


def _file(path: str, size: int, portions: Iterable[bytes]) -> Iterator[bytes]:
    header = tarfile.TarInfo(path)
    header.size = size
    header.mode = 0o644
    yield header.tobuf(tarfile.GNU_FORMAT)
    yield from portions
    yield bytes(-size % _BLOCK)


def single(
    config: bytes, diff_id: str, size: int, layer: Iterable[bytes], name: Reference
) -> Iterator[bytes]:
    """A docker-archive of one image of one layer, which need not be in any store."""
    id = digests.of(config)
    item = {
        "Config": _legacy_names(id, "config"),
        "RepoTags": [name.familiar],
        "Layers": [_legacy_names(diff_id, "layer")],
    }
    yield from _file(_legacy_names(diff_id, "layer"), size, layer)
    yield from _small(_legacy_names(id, "config"), config)
    yield from _small("manifest.json", documents.encode_list([item]))
    yield _END
