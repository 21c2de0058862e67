"""What an image archive holds: docker-archive (`docker save`) and OCI image layout, told apart.

Sources: the image-spec's image-layout.md, and the form of `manifest.json` that docker save has
written since 1.10 (moby image/spec/v1.2.md). Newer Dockers write both into one archive.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from wherry.errors import Invalid, Unsupported
from wherry.image import archiveblobs, archiveindex
from wherry.image.record import StoredManifest
from wherry.spec import digest as digests
from wherry.spec import image as documents
from wherry.spec import platform, reference

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.image.archiveindex import PlannedIndex
    from wherry.image.spool import Member, Spool
    from wherry.spec.image import Descriptor
    from wherry.spec.reference import Reference

_NAME = "io.containerd.image.name"
_REF_NAME = "org.opencontainers.image.ref.name"
_ATTESTATION = "vnd.docker.reference.type"
_DEEPEST_INDEX = 4


@dataclass(frozen=True, slots=True)
class LayerSource:
    """A layer of an image in the archive; `media_type` is empty where no manifest states it."""

    diff_id: str
    member: Member
    media_type: str = ""


@dataclass(frozen=True, slots=True)
class PlannedImage:
    """One image in the archive."""

    document: bytes
    layers: tuple[LayerSource, ...]
    names: tuple[Reference, ...] = ()
    manifest: StoredManifest | None = None
    index: PlannedIndex | None = None
    """The index that the names stand for, if they do not stand for the manifest itself."""

    @property
    def id(self) -> str:
        """The image's id."""
        return digests.of(self.document)


def plan(spool: Spool) -> list[PlannedImage]:
    """The images of an archive. Raises Invalid, or Unsupported for Docker's form before 1.10."""
    layout = list(_of_layout(spool)) if spool.has("index.json") else []
    if spool.has("manifest.json"):
        return _merged(layout, list(_of_docker_archive(spool)))
    if layout:
        return layout
    if spool.has("index.json"):
        raise Invalid("the index of the image archive names no image that is in it")
    if spool.has("repositories"):
        raise Unsupported(
            "the archive has the form that Docker wrote before 1.10",
            hint="load and save it again with a newer Docker",
        )
    raise Invalid(
        "this is no image archive: it has neither manifest.json nor index.json",
        hint="use `import` for a root file system",
    )


def _merged(layout: list[PlannedImage], listed: list[PlannedImage]) -> list[PlannedImage]:
    """What both descriptions of one archive say together.

    Where there are indexes and the layout has all that manifest.json lists, the layout alone
    counts: two names may stand for different indexes with the same image of this machine.
    """
    twins = {image.id: image for image in layout}
    behind = {id for image in layout for id in _behind(image)} - set(twins)
    wanted = [image for image in listed if image.id not in behind]
    named = {name for image in layout for name in image.names}
    has_indexes = any(image.index for image in layout)
    if has_indexes and all(one.id in twins and named.issuperset(one.names) for one in wanted):
        return layout
    return [_joined(image, twins.get(image.id)) for image in wanted]


def _behind(image: PlannedImage) -> list[str]:
    """The images of other platforms that come with this one, under the same names."""
    siblings = image.index.siblings if image.index else ()
    return [sibling.addition.id for sibling in siblings]


def _joined(image: PlannedImage, twin: PlannedImage | None) -> PlannedImage:
    """Names as docker-archive has them, manifest and compressed layers as the layout has them."""
    if twin is None:
        return image
    return replace(twin, names=image.names or twin.names)


def _of_docker_archive(spool: Spool) -> Iterator[PlannedImage]:
    for item in _items(spool.document("manifest.json")):
        document = spool.document(_text(item, "Config"))
        config = documents.parse_config(document)
        members = _texts(item, "Layers")
        if len(members) != len(config.diff_ids):
            raise Invalid(
                f"manifest.json lists {len(members)} layers, the image's config "
                f"{len(config.diff_ids)}"
            )
        yield PlannedImage(
            document,
            tuple(
                LayerSource(diff_id, spool.member(name))
                for diff_id, name in zip(config.diff_ids, members, strict=True)
            ),
            tuple(reference.parse(name).tagged() for name in _texts(item, "RepoTags")),
        )


def _items(document: bytes) -> list[dict[str, Any]]:
    try:
        items = json.loads(document)
    except ValueError as error:
        raise Invalid(f"manifest.json is not JSON: {error}") from error
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise Invalid("manifest.json is not a list of objects")
    return items


def _text(item: dict[str, Any], name: str) -> str:
    value = item.get(name)
    if not isinstance(value, str) or not value:
        raise Invalid(f"manifest.json: {name} is missing or no string")
    return value


def _texts(item: dict[str, Any], name: str) -> list[str]:
    values = item.get(name) or []
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise Invalid(f"manifest.json: {name} is not a list of strings")
    return values


def _of_layout(spool: Spool) -> Iterator[PlannedImage]:
    index = documents.parse_index(spool.document("index.json"))
    for name, descriptors in _by_name(index.manifests).items():
        chosen = _choose(spool, descriptors, 0)
        if chosen is None:
            continue
        names = (reference.parse(name).tagged(),) if name else ()
        if names and len(descriptors) == 1 and descriptors[0].media_type in documents.INDEX_TYPES:
            yield _of_index(spool, descriptors[0], chosen[0], names)
        else:
            for descriptor in chosen:
                yield _of_manifest(spool, descriptor, names)


def _of_index(
    spool: Spool, root: Descriptor, main: Descriptor, names: tuple[Reference, ...]
) -> PlannedImage:
    """The main image with the index behind the name; without a name nothing would keep that."""
    image = _of_manifest(spool, main, names)
    return replace(image, index=archiveindex.plan(spool, root, main.digest))


def _by_name(descriptors: tuple[Descriptor, ...]) -> dict[str, list[Descriptor]]:
    groups: dict[str, list[Descriptor]] = {}
    for descriptor in descriptors:
        groups.setdefault(_name(descriptor), []).append(descriptor)
    return groups


def _name(descriptor: Descriptor) -> str:
    """A full name, or a ref.name that is one; a bare tag names no repository."""
    name = descriptor.annotations.get(_NAME) or descriptor.annotations.get(_REF_NAME, "")
    return name if ":" in name or "/" in name else ""


def _choose(spool: Spool, descriptors: list[Descriptor], depth: int) -> list[Descriptor] | None:
    """Manifests to load: of several platforms the host's, else all there are."""
    if depth > _DEEPEST_INDEX:
        raise Invalid("the image indexes of the archive are nested too deeply")
    found: list[Descriptor] = []
    for descriptor in descriptors:
        if descriptor.media_type in documents.INDEX_TYPES:
            nested = documents.parse_index(archiveblobs.document(spool, descriptor)).manifests
            found += _choose(spool, list(nested), depth + 1) or []
        elif _ATTESTATION not in descriptor.annotations and archiveblobs.has(spool, descriptor):
            found.append(descriptor)
    host = platform.of_machine(os.uname().machine)
    if any(descriptor.platform for descriptor in found):
        mine = [one for one in found if one.platform is None or host.accepts(one.platform)]
        return mine or found
    return found or None


def _of_manifest(
    spool: Spool, descriptor: Descriptor, names: tuple[Reference, ...]
) -> PlannedImage:
    raw = archiveblobs.document(spool, descriptor)
    manifest = documents.parse_manifest(raw)
    if manifest.config.media_type not in documents.CONFIG_TYPES:
        raise Unsupported(f"the archive holds no image but {manifest.config.media_type!r}")
    document = archiveblobs.document(spool, manifest.config)
    diff_ids = documents.parse_config(document).diff_ids
    if len(diff_ids) != len(manifest.layers):
        raise Invalid(
            f"manifest {descriptor.digest} lists {len(manifest.layers)} layers, its config "
            f"{len(diff_ids)}"
        )
    layers = tuple(
        LayerSource(diff_id, archiveblobs.member(spool, layer), layer.media_type)
        for diff_id, layer in zip(diff_ids, manifest.layers, strict=True)
    )
    stored = StoredManifest(digests.of(raw), manifest.media_type, raw)
    return PlannedImage(document, layers, names, stored)
