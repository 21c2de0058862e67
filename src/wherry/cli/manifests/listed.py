"""`Listed`: one manifest of a list, and lists of them as documents. No I/O.

The forms are docker's to the byte: its command line reads what ours stores and the other way round,
and a list that both put together has the same digest.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from wherry.cli.failures import Failure
from wherry.spec import digest as digests
from wherry.spec import image, reference
from wherry.spec.image import DOCKER_INDEX, OCI_INDEX, OCI_MANIFEST

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wherry.spec.image import Descriptor
    from wherry.spec.reference import Reference

PLATFORMS: Final = frozenset(
    f"{system}/{architecture}"
    for system, architectures in {
        "darwin": "386 amd64 arm arm64",
        "dragonfly": "amd64",
        "freebsd": "386 amd64 arm",
        "linux": "386 amd64 arm arm64 loong64 ppc64le mips64 mips64le riscv64 s390x",
        "netbsd": "386 amd64 arm",
        "openbsd": "386 amd64 arm",
        "plan9": "386 amd64",
        "solaris": "amd64",
        "windows": "386 amd64 arm64",
    }.items()
    for architecture in architectures.split()
)
"""What `manifest annotate` lets pass: the platforms that Go programs are built for."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A manifest: the reference it was found by, its descriptor as JSON, its bytes."""

    ref: str
    descriptor: Mapping[str, Any]
    raw: bytes

    @property
    def reference(self) -> Reference:
        """The reference, read."""
        return reference.parse(self.ref)

    @property
    def digest(self) -> str:
        """Its digest."""
        return str(self.descriptor["digest"])

    @property
    def media_type(self) -> str:
        """Its media type."""
        return str(self.descriptor["mediaType"])

    @property
    def platform(self) -> Mapping[str, Any]:
        """The platform it is said to be for: `architecture`, `os`, `variant`, ..."""
        platform = self.descriptor.get("platform")
        return platform if isinstance(platform, dict) else {}

    def to_json(self) -> dict[str, Any]:
        """The form of docker's store and of `manifest inspect -v`."""
        member = "OCIManifest" if self.media_type == OCI_MANIFEST else "SchemaV2Manifest"
        platform = {"platform": _ordered(self.platform)} if self.platform else {}
        return {
            "Ref": self.ref,
            "Descriptor": {**self.descriptor, **platform},
            "Raw": base64.b64encode(self.raw).decode(),
            member: json.loads(self.raw),
        }

    @classmethod
    def from_json(cls, document: Any, path: str) -> Listed:
        """What the store holds. Raises `Failure` for what was not written by this docker's like."""
        try:
            raw = base64.b64decode(document["Raw"], validate=True)
            listed = cls(str(document["Ref"]), dict(document["Descriptor"]), raw)
            fits = digests.of(raw) == listed.digest
        except (KeyError, TypeError, ValueError, binascii.Error):
            raise Failure(f"{path} holds no manifest that can be read: create the list anew") from (
                None
            )
        if not fits:
            raise Failure(f"{path}: the manifest does not fit its digest {listed.digest}")
        return listed


def listed(name: str, descriptor: Descriptor, raw: bytes, platform: Mapping[str, Any]) -> Listed:
    """A manifest as a registry gave it."""
    members: dict[str, Any] = {
        "mediaType": descriptor.media_type,
        "digest": descriptor.digest,
        "size": descriptor.size,
    }
    return Listed(name, members | ({"platform": dict(platform)} if platform else {}), raw)


def encode_list(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """A manifest list of descriptors: an OCI index if they are OCI's, else Docker's form."""
    oci = bool(rows) and rows[0]["mediaType"] == OCI_MANIFEST
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX if oci else DOCKER_INDEX,
        "manifests": [_row(row) for row in rows],
    }
    return json.dumps(document, indent=3, ensure_ascii=False).encode()


def _row(descriptor: Mapping[str, Any]) -> dict[str, Any]:
    row = {name: descriptor[name] for name in ("mediaType", "size", "digest")}
    platform = _ordered(descriptor.get("platform") or {})
    return row | {"platform": {"architecture": "", "os": "", **platform}}


def _ordered(platform: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a platform that have a value, in the order of Go's struct."""
    names = ("architecture", "os", "os.version", "os.features", "variant")
    return {name: platform[name] for name in names if platform.get(name)}


def rows_for(target: Reference, manifests: Sequence[Listed]) -> list[Mapping[str, Any]]:
    """The rows of a list in the repository `target`. Raises `Failure`, as docker does."""
    for manifest in manifests:
        domain = manifest.reference.domain
        if domain != target.domain:
            raise Failure(
                "cannot use source images from a different registry than the target image:"
                f" {domain} != {target.domain}"
            )
    return [manifest.descriptor for manifest in manifests]


def media_type_of(document: bytes) -> str:
    """The media type that a list says of itself."""
    return image.parse_index(document).media_type
