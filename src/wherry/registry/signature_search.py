"""Finding an image's signatures in its repository, and judging them by a row of the policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.errors import Denied, Invalid, NotFound
from wherry.registry import signature
from wherry.registry.signature import SignedLayer
from wherry.registry.signature_bundle import BUNDLE_TYPE, bundles_of, parse_bundle
from wherry.registry.signature_keys import load_public
from wherry.registry.signature_policy import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.registry.session import Session
    from wherry.registry.signature_keys import PublicKey
    from wherry.registry.signature_policy import Rule
    from wherry.spec.image import Descriptor
    from wherry.spec.reference import Reference

MOST_SIGNATURES: Final = 100
"""Signatures of one image that are looked at: whoever may push could store any number."""

_LARGEST_PAYLOAD: Final = 256 * 1024
_ARTIFACT_TYPES: Final = frozenset((signature.ARTIFACT_TYPE, BUNDLE_TYPE, ""))
"""Referrers that may hold signatures; a registry need not tell the type."""
_SHOWN: Final = 3


def require_signature(
    reference: Reference, descriptor: Descriptor, session: Session, rule: Rule, policy_path: str
) -> None:
    """Return if a signature by one of the rule's keys says that this is the image.

    Raises Denied with what was found instead, and what `Session` raises.
    """
    keys = _keys(rule, policy_path)
    found: list[str] = []
    for layer in _signatures(reference, descriptor, session, found):
        try:
            payload = session.read_blob(reference.path, layer.payload, limit=_LARGEST_PAYLOAD)
            problem = _problem(payload, layer, keys, rule, reference, descriptor)
        except (Invalid, NotFound) as error:
            problem = error.message
        if not problem:
            return
        found.append(problem)
    raise _refusal(reference, descriptor, rule, policy_path, found)


def _keys(rule: Rule, policy_path: str) -> list[PublicKey]:
    try:
        return [load_public(path) for path in rule.keys]
    except Invalid as error:
        raise Denied(
            f"{rule} of the signature policy {policy_path} cannot be applied: {error.message}",
            hint=error.hint or "mend the row or the key",
        ) from None


def _signatures(
    reference: Reference, descriptor: Descriptor, session: Session, found: list[str]
) -> Iterator[SignedLayer]:
    """Every signature of the image: referrers first, then the tag. Broken ones go to `found`."""
    left = MOST_SIGNATURES
    for manifest in _manifests(reference, descriptor, session, found):
        try:
            bundles = [SignedLayer(bundle, b"") for bundle in bundles_of(manifest)]
            layers = [*signature.signed_layers(manifest), *bundles]
        except Invalid as error:
            found.append(error.message)
            continue
        yield from layers[:left]
        left -= len(layers)
        if left <= 0:
            found.append(f"only the first {MOST_SIGNATURES} signatures were looked at")
            return


def _manifests(
    reference: Reference, descriptor: Descriptor, session: Session, found: list[str]
) -> Iterator[bytes]:
    referrers = session.referrers(reference.path, descriptor.digest)
    fitting = [one for one in referrers if one.artifact_type in _ARTIFACT_TYPES]
    for referrer in fitting[:MOST_SIGNATURES]:
        try:
            yield session.manifest(reference.path, referrer).document
        except (Invalid, NotFound) as error:
            found.append(error.message)
    try:
        tagged = reference.with_tag(signature.tag_of(descriptor.digest))
        yield session.resolve(tagged).document
    except NotFound:
        return
    except Invalid as error:
        found.append(error.message)


def _problem(
    payload: bytes,
    layer: SignedLayer,
    keys: Sequence[PublicKey],
    rule: Rule,
    reference: Reference,
    descriptor: Descriptor,
) -> str:
    """Why a signature does not do, "" if it does. The key comes first: an unsigned claim is
    anybody's, and not worth a word."""
    if layer.payload.media_type == BUNDLE_TYPE:
        return _bundle_problem(payload, keys, rule, descriptor)
    if not any(key.verifies(payload, layer.signature) for key in keys):
        return "a signature by another key"
    claim = signature.parse_claim(payload)
    if claim.digest != descriptor.digest:
        return f"a signature of {claim.digest}"
    if rule.identity == REPOSITORY and not signature.names_repository(claim, reference):
        return f"a signature for {claim.repository!r}"
    return ""


def _bundle_problem(
    data: bytes, keys: Sequence[PublicKey], rule: Rule, descriptor: Descriptor
) -> str:
    bundle = parse_bundle(data)
    pairs = ((key, one) for key in keys for one in bundle.signatures)
    if not any(key.verifies(bundle.signed, one) for key, one in pairs):
        return "a signature by another key"
    if not bundle.names(descriptor.digest):
        return "a signature of another digest"
    return "a signature that names no repository" if rule.identity == REPOSITORY else ""


def _refusal(
    reference: Reference, descriptor: Descriptor, rule: Rule, policy_path: str, found: list[str]
) -> Denied:
    kinds = list(dict.fromkeys(found))
    shown = "; ".join(kinds[:_SHOWN]) + ("; and more" if len(kinds) > _SHOWN else "")
    return Denied(
        f"{reference.familiar} may not be used: {rule} of the signature policy {policy_path} asks"
        f" for a signature by {' or '.join(rule.keys)} of {descriptor.digest}, and"
        f" {reference.domain} has {shown or 'none'}",
        hint="if you trust the image, sign it: wherry image sign --key KEY"
        f" {reference.familiar_name}@{descriptor.digest}",
    )
