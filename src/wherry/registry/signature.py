"""Signatures of images as documents: what is signed, and how it lies in a registry. No I/O.

What is signed is a "simple signing" payload that names the image's digest. It is a layer of a
manifest, and the signature itself an annotation of that layer. The manifest is a referrer of the
image (OCI 1.1) or has the tag `sha256-<hex>.sig` (older, and what every tool reads).

Sources: containers/image docs/containers-signature.5.md (payload), sigstore/cosign
specs/SIGNATURE_SPEC.md (storage), OCI distribution spec 1.1 (referrers).
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from wherry.errors import Invalid
from wherry.spec import digest as digests
from wherry.spec import image

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wherry.spec.image import Descriptor
    from wherry.spec.reference import Reference

ARTIFACT_TYPE: Final = "application/vnd.dev.cosign.artifact.sig.v1+json"
PAYLOAD_TYPE: Final = "application/vnd.dev.cosign.simplesigning.v1+json"
SIGNATURE: Final = "dev.cosignproject.cosign/signature"
_KIND: Final = "cosign container image signature"


@dataclass(frozen=True, slots=True)
class Claim:
    """What a payload says: this repository's image has this digest."""

    repository: str
    digest: str


@dataclass(frozen=True, slots=True)
class SignedLayer:
    """A layer of a signature manifest: where the payload is, and the signature over it."""

    payload: Descriptor
    signature: bytes


def tag_of(digest: str) -> str:
    """The tag under which an image's signatures lie: `sha256-<hex>.sig`."""
    return f"{digests.algorithm(digest)}-{digests.encoded(digest)}.sig"


def encode_claim(claim: Claim) -> bytes:
    """The payload to sign."""
    critical = {
        "identity": {"docker-reference": claim.repository},
        "image": {"docker-manifest-digest": claim.digest},
        "type": _KIND,
    }
    return image.encode({"critical": critical, "optional": None})


def parse_claim(payload: bytes) -> Claim:
    """What a payload says; Invalid when it is no simple-signing payload."""
    try:
        critical = json.loads(payload)["critical"]
        kind = critical["type"]
        claim = Claim(
            critical["identity"]["docker-reference"], critical["image"]["docker-manifest-digest"]
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Invalid("the payload is not of the simple-signing form") from None
    if kind != _KIND:
        raise Invalid(f"the payload is a {kind!r}, not a {_KIND!r}")
    if not isinstance(claim.repository, str) or not isinstance(claim.digest, str):
        raise Invalid("the payload is not of the simple-signing form")
    return claim


def names_repository(claim: Claim, reference: Reference) -> bool:
    """Whether a claim is about the reference's repository (with the same tag, if it names one)."""
    from wherry.spec.reference import parse

    try:
        named = parse(claim.repository)
    except Invalid:
        return False
    same_tag = not (named.tag and reference.tag) or named.tag == reference.tag
    return named.name == reference.name and same_tag


def signed_layers(manifest: bytes) -> tuple[SignedLayer, ...]:
    """The signatures that a manifest holds; layers of other kinds are passed over. Invalid."""
    layers = image.parse_manifest(manifest).layers
    return tuple(_signed(layer) for layer in layers if SIGNATURE in layer.annotations)


def _signed(layer: Descriptor) -> SignedLayer:
    try:
        signature = base64.b64decode(layer.annotations[SIGNATURE], validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise Invalid(f"the annotation {SIGNATURE} is not base64") from None
    return SignedLayer(layer, signature)


def payload_layer(payload: bytes, signature: bytes) -> Descriptor:
    """The layer that carries a payload and its signature."""
    annotation = {SIGNATURE: base64.b64encode(signature).decode()}
    return image.Descriptor(PAYLOAD_TYPE, digests.of(payload), len(payload), annotations=annotation)


def config_of(layers: Iterable[Descriptor]) -> bytes:
    """The config document of a signature manifest, which readers want to be an image's."""
    rootfs = {"type": "layers", "diff_ids": [layer.digest for layer in layers]}
    return image.encode({"architecture": "", "os": "", "config": {}, "rootfs": rootfs})


def tagged_manifest(config: bytes, layers: Sequence[Descriptor]) -> bytes:
    """The manifest that goes under `tag_of` the image's digest."""
    return image.encode(_manifest(image.OCI_CONFIG, config, layers))


def referrer_manifest(config: bytes, layers: Sequence[Descriptor], subject: Descriptor) -> bytes:
    """The manifest that refers to the image."""
    document = _manifest(ARTIFACT_TYPE, config, layers)
    about = {"mediaType": subject.media_type, "digest": subject.digest, "size": subject.size}
    return image.encode({**document, "artifactType": ARTIFACT_TYPE, "subject": about})


def _manifest(config_type: str, config: bytes, layers: Sequence[Descriptor]) -> dict[str, Any]:
    described = image.Descriptor(config_type, digests.of(config), len(config))
    return {
        "schemaVersion": 2,
        "mediaType": image.OCI_MANIFEST,
        "config": described.to_json(),
        "layers": [layer.to_json() for layer in layers],
    }
