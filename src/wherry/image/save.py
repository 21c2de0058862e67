"""Saving images as an archive: OCI image layout and docker-archive in one, or the older form.

The default is what `docker save` writes since 25: `blobs/sha256/...`, `index.json` and
`manifest.json` pointing at the same files, so that Docker of any age, skopeo and podman read it.
`legacy` gives the names that older ones wrote (`<id>.json`, `<id>/layer.tar`). The bytes depend on
the images only: saving twice gives the same archive. Shared layers are written once.
"""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wherry.spec import digest as digests
from wherry.spec import image as documents
from wherry.spec.image import Descriptor
from wherry.spec.reference import Reference

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from wherry.image.record import Image
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
        for image in planned:
            for layer in image.layers:
                path = names(layer.descriptor.digest, "layer")
                if path not in written:
                    written.add(path)
                    yield from _file(path, layer.descriptor.size, self._layer(layer))
            yield from _once(
                names(image.saved.image.id, "config"), image.saved.image.document, written
            )
            if not legacy:
                path = names(image.manifest.digest, "manifest")
                yield from _once(path, image.manifest_document, written)
        if not legacy:
            yield from _small("index.json", _index(planned))
            yield from _small("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        yield from _small("manifest.json", _manifest_json(planned, names))
        yield from _end(planned)

    def _plan(self, saved: Saved, *, plain: bool) -> _Planned:
        """The manifest the image came with when all its blobs are still there, else a new one."""
        image = saved.image
        original = None if plain else self._original(saved)
        if original is not None:
            return original
        layers = tuple(self._plain_layer(diff_id) for diff_id in image.layers)
        config = Descriptor(documents.OCI_CONFIG, image.id, len(image.document))
        document = documents.encode_manifest(config, tuple(layer.descriptor for layer in layers))
        manifest_descriptor = Descriptor(
            documents.OCI_MANIFEST, digests.of(document), len(document)
        )
        return _Planned(saved, manifest_descriptor, document, layers)

    def _original(self, saved: Saved) -> _Planned | None:
        for stored in self._images.manifests(saved.image.id):
            manifest = documents.parse_manifest(stored.document)
            layers = tuple(
                _Layer(diff_id, layer, layer.digest != diff_id)
                for diff_id, layer in zip(saved.image.layers, manifest.layers, strict=True)
            )
            if all(not one.is_blob or self._content.has(one.descriptor.digest) for one in layers):
                descriptor = Descriptor(stored.media_type, stored.digest, len(stored.document))
                return _Planned(saved, descriptor, stored.document, layers)
        return None

    def _plain_layer(self, diff_id: str) -> _Layer:
        size = self._images.layers.get(diff_id).tar_size
        return _Layer(diff_id, Descriptor(documents.OCI_LAYER, diff_id, size), False)

    def _layer(self, layer: _Layer) -> Iterator[bytes]:
        if not layer.is_blob:
            yield from self._images.layers.tar(layer.diff_id)
            return
        with self._content.open(layer.descriptor.digest) as file:
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
        descriptor = image.manifest.to_json()
        descriptor["platform"] = {
            "architecture": image.saved.image.config.platform.architecture,
            "os": image.saved.image.config.platform.os,
        }
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
