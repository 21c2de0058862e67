"""Signing an image: the payload, its signature, and both where readers look for them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

from wherry.errors import Invalid, NotFound
from wherry.registry import signature
from wherry.registry.push import push_blob
from wherry.registry.signature import Claim
from wherry.spec import digest as digests
from wherry.spec import image
from wherry.spec.image import Descriptor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.registry.session import Session
    from wherry.registry.signature_keys import PrivateKey
    from wherry.spec.reference import Reference

_JSON: Final = "application/json"


class _Silent:
    """Nobody watches blobs of a few hundred bytes."""

    def advanced(self, done: int) -> None:
        """See `registry.fetch.Watcher`."""

    def retrying(self, seconds: float, reason: str) -> None:
        """See `registry.fetch.Watcher`."""


def sign(name: Reference, subject: Descriptor, session: Session, key: PrivateKey) -> str:
    """Sign the image `subject` in the repository of `name`; the digest of the referrer.

    The signature is stored as a referrer (OCI 1.1) and, beside those that are there, under the tag
    that older readers know. Raises what `Session` raises.
    """
    payload = signature.encode_claim(Claim(name.name, subject.digest))
    layer = signature.payload_layer(payload, key.sign(payload))
    _send(session, name, payload)
    referrer = _referrer(session, name, layer, subject)
    _add_to_tag(session, name, layer, subject)
    return referrer


def _referrer(session: Session, name: Reference, layer: Descriptor, subject: Descriptor) -> str:
    config = signature.config_of([layer])
    _send(session, name, config)
    manifest = signature.referrer_manifest(config, [layer], subject)
    return session.put_manifest(name.path, digests.of(manifest), image.OCI_MANIFEST, manifest)


def _add_to_tag(session: Session, name: Reference, layer: Descriptor, subject: Descriptor) -> None:
    tag = signature.tag_of(subject.digest)
    layers = [*_tagged_layers(session, name.with_tag(tag)), layer]
    config = signature.config_of(layers)
    _send(session, name, config)
    manifest = signature.tagged_manifest(config, layers)
    session.put_manifest(name.path, tag, image.OCI_MANIFEST, manifest)


def _tagged_layers(session: Session, tagged: Reference) -> Sequence[Descriptor]:
    """The layers that are there already; a document that is no manifest is nothing to lose."""
    try:
        return image.parse_manifest(session.resolve(tagged).document).layers
    except (NotFound, Invalid):
        return ()


def _send(session: Session, name: Reference, data: bytes) -> None:
    blob = Descriptor(_JSON, digests.of(data), len(data))
    push_blob(session, name.path, blob, lambda: io.BytesIO(data), _Silent())
