"""Manifests as a registry needs them: what they point at and whom they belong to. No I/O.

Stricter than a client's reading where something could not be pulled again (a media type that
differs from the header, a descriptor without a digest), and blind to what is of no concern to it:
unknown members and unknown types of layers and configs are kept as they came.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from wherry.errors import Invalid
from wherry.registry.server.errors import RegistryError
from wherry.spec import image

SIZE_LIMIT: Final = 8 * 1024 * 1024
"""Bytes of a manifest; the specification wants at least 4 MB to pass."""
ARTIFACT_MANIFEST: Final = "application/vnd.oci.artifact.manifest.v1+json"
"""Of release candidates of OCI image 1.1; taken, since clients of that time still send it."""
MEDIA_TYPES: Final = (*image.MANIFEST_TYPES, *image.INDEX_TYPES, ARTIFACT_MANIFEST)


@dataclass(frozen=True, slots=True)
class Document:
    """One manifest or index.

    `blobs` and `manifests` have to be in the repository; layers that are distributed elsewhere
    are not among them. `artifact_type` is what the referrers list shows.
    """

    media_type: str
    blobs: tuple[image.Descriptor, ...] = ()
    manifests: tuple[image.Descriptor, ...] = ()
    subject: str = ""
    artifact_type: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)


def read(data: bytes, content_type: str) -> Document:
    """Check a manifest that was pushed. Raises RegistryError: MANIFEST_INVALID."""
    try:
        members = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _invalid(f"it is not JSON: {error}") from None
    if not isinstance(members, dict):
        raise _invalid("it is no JSON object")
    media_type = _media_type(members, content_type)
    try:
        return _document(members, media_type)
    except Invalid as error:
        raise _invalid(error.message) from None


def _media_type(members: dict[str, Any], content_type: str) -> str:
    """The type by the header (its parameters ignored) and by the document, which must agree."""
    said = content_type.partition(";")[0].strip().lower()
    own = members.get("mediaType")
    if own is not None and not isinstance(own, str):
        raise _invalid("mediaType is no string")
    if said and own and said != own and said != "application/json":
        raise _invalid(f"Content-Type is {said!r}, the document's mediaType is {own!r}")
    found = own or (said if said != "application/json" else "") or _guess(members)
    if found not in MEDIA_TYPES:
        raise _invalid(f"media type {found!r} is not one of a manifest")
    if found != ARTIFACT_MANIFEST and members.get("schemaVersion") != 2:
        raise _invalid(f"schema version {members.get('schemaVersion')!r} is not supported")
    return found


def _guess(members: dict[str, Any]) -> str:
    return image.OCI_INDEX if "manifests" in members else image.OCI_MANIFEST


def _document(members: dict[str, Any], media_type: str) -> Document:
    is_index = media_type in image.INDEX_TYPES
    if ("manifests" in members) != is_index or (is_index and "layers" in members):
        raise Invalid(f"its members do not fit the media type {media_type!r}")
    config = members.get("config")
    config_type = config.get("mediaType", "") if isinstance(config, dict) else ""
    artifact_type = _text(members, "artifactType") or ("" if is_index else str(config_type))
    subject = members.get("subject")
    return Document(
        media_type=media_type,
        blobs=() if is_index else _blobs(members, media_type),
        manifests=_descriptors(members, "manifests") if is_index else (),
        subject=image.parse_descriptor(subject).digest if subject is not None else "",
        artifact_type=artifact_type,
        annotations=_annotations(members),
    )


def _blobs(members: dict[str, Any], media_type: str) -> tuple[image.Descriptor, ...]:
    if media_type == ARTIFACT_MANIFEST:
        return _descriptors(members, "blobs")
    config = image.parse_descriptor(members.get("config"))
    return (config, *(d for d in _descriptors(members, "layers")))


def _descriptors(members: dict[str, Any], name: str) -> tuple[image.Descriptor, ...]:
    """A list of descriptors, without those that are distributed elsewhere."""
    entries = members.get(name)
    if entries is None:
        entries = []
    if not isinstance(entries, list):
        raise Invalid(f"{name} is no list")
    return tuple(image.parse_descriptor(each) for each in entries if not _is_foreign(each))


def _is_foreign(entry: object) -> bool:
    """Layers that may not be redistributed (manifest.md, Docker's foreign layers)."""
    if not isinstance(entry, dict):
        return False
    kind = str(entry.get("mediaType", ""))
    return "nondistributable" in kind or ".foreign." in kind or bool(entry.get("urls"))


def _annotations(members: dict[str, Any]) -> Mapping[str, str]:
    value = members.get("annotations")
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise Invalid("annotations must map strings to strings")
    return value


def _text(members: dict[str, Any], name: str) -> str:
    value = members.get(name)
    if value is not None and not isinstance(value, str):
        raise Invalid(f"{name} must be a string")
    return value or ""


def _invalid(reason: str) -> RegistryError:
    return RegistryError("MANIFEST_INVALID", f"manifest invalid: {reason}")
