"""Sigstore bundles, in which cosign 3 stores signatures: a signed in-toto statement. No I/O.

A bundle is the one layer of a referrer. Its envelope (DSSE) holds a statement that names the digest
of the image; what the statement says of it is its predicate's type. Only cosign's "this image is
signed" counts here: an attestation (how it was built, what is wrong with it) is signed by the same
keys and no leave to run it.

Sources: sigstore protobuf-specs (sigstore_bundle.proto, v0.3), DSSE's protocol.md, in-toto
Statement v1.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Final

from wherry.errors import Invalid
from wherry.spec import image

BUNDLE_TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
_STATEMENT: Final = "application/vnd.in-toto+json"
_SIGNED: Final = "https://sigstore.dev/cosign/sign/v1"


@dataclass(frozen=True, slots=True)
class Bundle:
    """What was signed, byte for byte, the signatures over it, and the statement itself."""

    signed: bytes
    signatures: tuple[bytes, ...]
    statement: bytes

    def names(self, digest: str) -> bool:
        """Whether it says that the image with this digest is signed. Raises Invalid."""
        try:
            document = json.loads(self.statement)
            if document["predicateType"] != _SIGNED:
                raise Invalid(f"the bundle is an attestation ({_short(document['predicateType'])})")
            algorithm, _, value = digest.partition(":")
            return any(one["digest"].get(algorithm) == value for one in document["subject"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise Invalid("the bundle holds no in-toto statement") from None


def bundles_of(manifest: bytes) -> tuple[image.Descriptor, ...]:
    """The layers of a manifest that are bundles. Raises Invalid."""
    layers = image.parse_manifest(manifest).layers
    return tuple(layer for layer in layers if layer.media_type == BUNDLE_TYPE)


def parse_bundle(data: bytes) -> Bundle:
    """A bundle with an envelope. Raises Invalid for any other."""
    try:
        envelope = json.loads(data)["dsseEnvelope"]
        kind, statement = envelope["payloadType"], _decoded(envelope["payload"])
        signatures = tuple(_decoded(one["sig"]) for one in envelope["signatures"])
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error):
        raise Invalid("the bundle holds no signed envelope") from None
    if kind != _STATEMENT:
        raise Invalid(f"the bundle holds {_short(kind)}, not {_STATEMENT}")
    return Bundle(pre_authentication(kind, statement), signatures, statement)


def pre_authentication(kind: str, payload: bytes) -> bytes:
    """What DSSE signs: lengths and contents of type and payload."""
    name = kind.encode()
    return b"DSSEv1 %d %b %d %b" % (len(name), name, len(payload), payload)


def _decoded(text: str) -> bytes:
    """Standard or URL-safe base64, both of which the protocol allows."""
    return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)


def _short(text: object) -> str:
    """What a stranger wrote, fit for a message."""
    return repr(str(text)[:80])
