"""A manifest or index as a registry answers it: its type, its digest, what it may not be. No I/O.

A document says its own type twice, in the answer's Content-Type and in `mediaType`; where the two
differ, clients could be made to see different images under one digest (CVE-2021-41190).
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

from wherry.errors import Invalid, Unsupported
from wherry.spec import digest as digests
from wherry.spec.image import (
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    Descriptor,
    parse_descriptor,
)

OCI_ARTIFACT: Final = "application/vnd.oci.artifact.manifest.v1+json"
SCHEMA_1: Final = (
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
)
ACCEPTED: Final = (OCI_INDEX, DOCKER_INDEX, OCI_MANIFEST, DOCKER_MANIFEST, OCI_ARTIFACT)
LARGEST: Final = 4 << 20  # bytes; distribution spec v1.1, "Pushing Manifests"
_INDEXES: Final = (OCI_INDEX, DOCKER_INDEX)
_UNTYPED: Final = ("", "application/json", "text/plain", "application/octet-stream")


def describe(
    data: bytes, content_type: str, told_digest: str, asked: Descriptor | str
) -> Descriptor:
    """Check a document that was asked for and say what it is.

    `told_digest` is the Docker-Content-Digest header; `asked` a descriptor, digest or tag. Raises
    Invalid when anything does not fit, Unsupported for schema 1 and types that nobody knows.
    """
    document = _load(data)
    media_type = _media_type(document, content_type.partition(";")[0].strip().lower())
    if isinstance(asked, Descriptor):
        _check_asked(asked, media_type, len(data))
    expected = asked.digest if isinstance(asked, Descriptor) else asked
    if not digests.is_digest(expected):
        expected = told_digest if digests.is_digest(told_digest) else ""
    found = _digest(data, expected)
    if expected and found != expected:
        raise Invalid(f"the registry's manifest has the digest {found}, expected {expected}")
    return Descriptor(media_type, found, len(data), artifact_type=_artifact_type(document))


def subject(data: bytes) -> Descriptor | None:
    """What a manifest refers to (`subject`), if anything. Raises Invalid."""
    found = _load(data).get("subject")
    return None if found is None else parse_descriptor(found)


def referrer(data: bytes, media_type: str) -> Descriptor:
    """The entry of a manifest in the index of its subject's referrers."""
    document = _load(data)
    config = document.get("config")
    config_type = config.get("mediaType") if isinstance(config, dict) else ""
    annotations = document.get("annotations")
    return Descriptor(
        media_type,
        digests.of(data),
        len(data),
        annotations=annotations if isinstance(annotations, dict) else {},
        artifact_type=_artifact_type(document) or str(config_type or ""),
    )


def _check_asked(asked: Descriptor, media_type: str, size: int) -> None:
    if asked.size != size:
        raise Invalid(f"manifest {asked.digest} has {size} bytes, expected {asked.size}")
    if asked.media_type and asked.media_type != media_type:
        raise Invalid(
            f"manifest {asked.digest} is of type {media_type}, expected {asked.media_type}"
        )


def _load(data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"the registry's manifest is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise Invalid("the registry's manifest is no JSON object")
    return document


def _media_type(document: dict[str, Any], told: str) -> str:
    own = document.get("mediaType")
    if told in SCHEMA_1 or own in SCHEMA_1 or document.get("schemaVersion") == 1:
        raise Unsupported(
            "the image is in Docker's schema 1, a format that was given up in 2017",
            hint="convert it once: skopeo copy --format v2s2 docker://IMAGE docker://IMAGE",
        )
    if told not in _UNTYPED and own is not None and own != told:
        raise Invalid(f"the registry says that the manifest is {told}, it says itself {own}")
    shape = _shape(document)
    media_type = str(own or (shape if told in _UNTYPED else told))
    if media_type not in ACCEPTED:
        raise Unsupported(f"a manifest of type {media_type!r} is not supported")
    if (media_type in _INDEXES) != (shape in _INDEXES):
        raise Invalid(f"the manifest is said to be {media_type}, its content is {shape}")
    return media_type


def _shape(document: dict[str, Any]) -> str:
    """What the members make it. Raises Invalid for one that is both an index and an image."""
    if "manifests" in document and ("layers" in document or "config" in document):
        raise Invalid("the registry's manifest is an index and an image at once")
    return OCI_INDEX if "manifests" in document else OCI_MANIFEST


def _digest(data: bytes, like: str) -> str:
    name = digests.algorithm(like) if like else "sha256"
    return f"{name}:{hashlib.new(name, data).hexdigest()}"


def _artifact_type(document: dict[str, Any]) -> str:
    value = document.get("artifactType")
    return value if isinstance(value, str) else ""
