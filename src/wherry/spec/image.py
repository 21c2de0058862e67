"""Images as documents: descriptor, manifest, index, config. Bytes in, checked values out, no I/O.

Sources: OCI image spec v1.1 (descriptor.md, manifest.md, image-index.md, config.md) and the Docker
media types that mean the same (distribution: schema 2). Unknown members are kept in `raw`, so that
what was read can be written back; digests are always taken over the original bytes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wherry.errors import Invalid
from wherry.spec import digest as digests
from wherry.spec.platform import Platform

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
OCI_LAYER_GZIP = OCI_LAYER + "+gzip"
OCI_LAYER_ZSTD = OCI_LAYER + "+zstd"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER_GZIP = "application/vnd.docker.image.rootfs.diff.tar.gzip"
DOCKER_FOREIGN_LAYER = "application/vnd.docker.image.rootfs.foreign.diff.tar"
OCI_FOREIGN_LAYER = "application/vnd.oci.image.layer.nondistributable.v1.tar"
EMPTY_CONFIG = "application/vnd.oci.empty.v1+json"
DOCKER_SCHEMA_1 = (
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
)
"""Docker's first form of manifests: known so that it can be refused by name."""

INDEX_TYPES = (OCI_INDEX, DOCKER_INDEX)
MANIFEST_TYPES = (OCI_MANIFEST, DOCKER_MANIFEST)
CONFIG_TYPES = (OCI_CONFIG, DOCKER_CONFIG)
DOCUMENT_LIMIT = 4 << 20
"""Bytes of the largest manifest or index that clients need accept (OCI distribution spec)."""

REFERENCE_TYPE = "vnd.docker.reference.type"
"""Annotation of an index entry that is no image but says something of one (buildkit)."""

_NO_ANNOTATIONS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Descriptor:
    """Points at content: its type, digest and length in bytes.

    `urls` is where else the bytes may be fetched; `artifact_type` what the manifest pointed at
    says of itself, empty for images.
    """

    media_type: str
    digest: str
    size: int
    platform: Platform | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    urls: tuple[str, ...] = ()
    artifact_type: str = ""

    @property
    def is_foreign(self) -> bool:
        """Whether it is a layer that may not be redistributed (Windows base layers)."""
        return self.media_type.startswith((DOCKER_FOREIGN_LAYER, OCI_FOREIGN_LAYER))

    @property
    def is_attestation(self) -> bool:
        """Whether an index entry is about another entry instead of an image."""
        return REFERENCE_TYPE in self.annotations

    def to_json(self) -> dict[str, Any]:
        """The JSON object of descriptor.md."""
        document: dict[str, Any] = {
            "mediaType": self.media_type,
            "digest": self.digest,
            "size": self.size,
        }
        if self.urls:
            document["urls"] = list(self.urls)
        if self.annotations:
            document["annotations"] = dict(self.annotations)
        if self.platform is not None:
            document["platform"] = platform_to_json(self.platform)
        if self.artifact_type:
            document["artifactType"] = self.artifact_type
        return document


@dataclass(frozen=True, slots=True)
class Manifest:
    """One image, or one artifact: its config and its layers, bottom first.

    `subject` is the manifest that this one is about (a signature's image), None for most.
    """

    media_type: str
    config: Descriptor
    layers: tuple[Descriptor, ...]
    annotations: Mapping[str, str]
    artifact_type: str = ""
    subject: Descriptor | None = None

    @property
    def is_image(self) -> bool:
        """Whether it is an image; anything else is an artifact, to be kept and not run."""
        return self.config.media_type in CONFIG_TYPES

    @property
    def kind(self) -> str:
        """What it is, as a media type: the artifact type, else the config's type."""
        return self.artifact_type or self.config.media_type


@dataclass(frozen=True, slots=True)
class Index:
    """A list of manifests (or indexes), usually one per platform."""

    media_type: str
    manifests: tuple[Descriptor, ...]
    annotations: Mapping[str, str] = field(default_factory=dict)
    artifact_type: str = ""
    subject: Descriptor | None = None


@dataclass(frozen=True, slots=True)
class History:
    """How one step of the image came about; empty steps made no layer."""

    created: str = ""
    created_by: str = ""
    author: str = ""
    comment: str = ""
    empty_layer: bool = False

    def to_json(self) -> dict[str, Any]:
        """The JSON object of config.md, members without a value left out."""
        members = {
            "created": self.created,
            "created_by": self.created_by,
            "author": self.author,
            "comment": self.comment,
            "empty_layer": self.empty_layer,
        }
        return {name: value for name, value in members.items() if value}


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """The config document of an image; its bytes' digest is the image's id.

    `config` is what containers inherit, in Docker's JSON names (Cmd, Entrypoint, Env, ...);
    `diff_ids` the layers, bottom first; `raw` the whole document.
    """

    platform: Platform
    created: str
    author: str
    config: Mapping[str, Any]
    diff_ids: tuple[str, ...]
    history: tuple[History, ...]
    raw: Mapping[str, Any]

    @property
    def labels(self) -> Mapping[str, str]:
        """The image's labels."""
        return self.config.get("Labels") or {}

    def text(self, name: str) -> str:
        """A further member that holds a string (comment, docker_version, ...), empty if absent."""
        value = self.raw.get(name)
        return value if isinstance(value, str) else ""


NO_CONFIG = ImageConfig(Platform("", ""), "", "", {}, (), (), {})
"""What stands for the config of an artifact, which has none that says anything of a program."""


def parse_config(data: bytes) -> ImageConfig:
    """An image's config document; raises Invalid."""
    what = "image config"
    document = _object(_load(data, what), what)
    rootfs = _object(document.get("rootfs"), f"{what}: rootfs")
    if rootfs.get("type", "layers") != "layers":
        raise Invalid(f"{what}: rootfs type {rootfs.get('type')!r} is not 'layers'")
    diff_ids = _list(rootfs.get("diff_ids"), f"{what}: rootfs.diff_ids")
    return ImageConfig(
        platform=_platform(document),
        created=_string(document, "created", what),
        author=_string(document, "author", what),
        config=_object(document.get("config"), f"{what}: config"),
        diff_ids=tuple(digests.check(str(diff_id)) for diff_id in diff_ids),
        history=tuple(_history(entry) for entry in _list(document.get("history"), what)),
        raw=document,
    )


def parse_manifest(data: bytes) -> Manifest:
    """An image manifest, OCI or Docker schema 2; raises Invalid."""
    what = "image manifest"
    document = _object(_load(data, what), what)
    if document.get("schemaVersion") != 2:
        raise Invalid(f"{what}: schema version {document.get('schemaVersion')!r} is not supported")
    media_type = _string(document, "mediaType", what) or OCI_MANIFEST
    if media_type not in MANIFEST_TYPES or "manifests" in document:
        raise Invalid(f"{what}: media type {media_type!r} is not one of a manifest")
    layers = _list(document.get("layers"), f"{what}: layers")
    return Manifest(
        media_type=media_type,
        config=parse_descriptor(document.get("config")),
        layers=tuple(parse_descriptor(layer) for layer in layers),
        annotations=_annotations(document),
        artifact_type=_string(document, "artifactType", what),
        subject=_subject(document),
    )


def parse_index(data: bytes) -> Index:
    """An image index or Docker manifest list; raises Invalid."""
    what = "image index"
    document = _object(_load(data, what), what)
    if "layers" in document or not isinstance(document.get("manifests"), list):
        raise Invalid(f"{what}: it lists no manifests")
    media_type = _string(document, "mediaType", what) or OCI_INDEX
    if media_type not in INDEX_TYPES:
        raise Invalid(f"{what}: media type {media_type!r} is not one of an index")
    return Index(
        media_type,
        tuple(parse_descriptor(entry) for entry in document["manifests"]),
        annotations=_annotations(document),
        artifact_type=_string(document, "artifactType", what),
        subject=_subject(document),
    )


def parse_document(data: bytes, media_type: str) -> Manifest | Index:
    """A manifest or an index, as its media type says; raises Invalid."""
    if media_type in INDEX_TYPES:
        return parse_index(data)
    if media_type in DOCKER_SCHEMA_1:
        raise Invalid(
            "the image has a manifest of Docker's schema 1, which is not supported",
            hint="push it again with a Docker of version 1.10 or later",
        )
    return parse_manifest(data)


def parse_descriptor(document: object) -> Descriptor:
    """A descriptor; raises Invalid."""
    what = "descriptor"
    members = _object(document, what)
    size = members.get("size")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise Invalid(f"{what}: size {size!r} is not a number of bytes")
    platform = members.get("platform")
    return Descriptor(
        media_type=_string(members, "mediaType", what),
        digest=digests.check(_string(members, "digest", what)),
        size=size,
        platform=_platform(_object(platform, what)) if platform is not None else None,
        annotations=_annotations(members),
        urls=tuple(str(url) for url in _list(members.get("urls"), f"{what}: urls")),
        artifact_type=_string(members, "artifactType", what),
    )


def encode(document: Mapping[str, Any]) -> bytes:
    """JSON in the one form we write: compact, members in the given order, UTF-8."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def encode_list(documents: Sequence[Mapping[str, Any]]) -> bytes:
    """A list of documents in the same form."""
    return json.dumps(documents, separators=(",", ":"), ensure_ascii=False).encode()


def encode_manifest(
    config: Descriptor, layers: tuple[Descriptor, ...], media_type: str = OCI_MANIFEST
) -> bytes:
    """A manifest for a config and its layers."""
    return encode(
        {
            "schemaVersion": 2,
            "mediaType": media_type,
            "config": config.to_json(),
            "layers": [layer.to_json() for layer in layers],
        }
    )


def encode_index(manifests: Sequence[Descriptor], media_type: str = OCI_INDEX) -> bytes:
    """An index over manifests, in their order."""
    return encode(
        {
            "schemaVersion": 2,
            "mediaType": media_type,
            "manifests": [manifest.to_json() for manifest in manifests],
        }
    )


def chain_ids(diff_ids: tuple[str, ...]) -> list[str]:
    """The chain id of every layer: the digest over it and all below (config.md#layer-chainid)."""
    chain: list[str] = []
    for diff_id in diff_ids:
        chain.append(digests.of(f"{chain[-1]} {diff_id}".encode()) if chain else diff_id)
    return chain


def _history(entry: object) -> History:
    members = _object(entry, "image config: history")
    return History(
        created=str(members.get("created") or ""),
        created_by=str(members.get("created_by") or ""),
        author=str(members.get("author") or ""),
        comment=str(members.get("comment") or ""),
        empty_layer=bool(members.get("empty_layer")),
    )


def _platform(members: Mapping[str, Any]) -> Platform:
    return Platform(
        str(members.get("os") or "linux"),
        str(members.get("architecture") or ""),
        str(members.get("variant") or ""),
        os_version=str(members.get("os.version") or ""),
        os_features=tuple(str(name) for name in _list(members.get("os.features"), "os.features")),
    )


def platform_to_json(platform: Platform) -> dict[str, Any]:
    """The JSON object of image-index.md, members without a value left out."""
    members: dict[str, Any] = {"architecture": platform.architecture, "os": platform.os}
    if platform.os_version:
        members["os.version"] = platform.os_version
    if platform.os_features:
        members["os.features"] = list(platform.os_features)
    return members | ({"variant": platform.variant} if platform.variant else {})


def _subject(document: Mapping[str, Any]) -> Descriptor | None:
    subject = document.get("subject")
    return parse_descriptor(subject) if subject is not None else None


def _annotations(members: Mapping[str, Any]) -> Mapping[str, str]:
    value = members.get("annotations")
    return value if isinstance(value, dict) else _NO_ANNOTATIONS


def _load(data: bytes, what: str) -> object:
    try:
        document: object = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"{what} is not JSON: {error}") from error
    return document


def _object(value: object, what: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Invalid(f"{what}: expected an object, found {type(value).__name__}")
    return value


def _list(value: object, what: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise Invalid(f"{what}: expected a list, found {type(value).__name__}")
    return value


def _string(members: Mapping[str, Any], name: str, what: str) -> str:
    value = members.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Invalid(f"{what}: {name} must be a string, found {type(value).__name__}")
    return value
