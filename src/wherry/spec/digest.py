"""Digests: `algorithm:hex`, the names of content (OCI image spec, descriptor.md#digests)."""

from __future__ import annotations

import hashlib
import re

from wherry.errors import Invalid

ALGORITHMS = {"sha256": 64, "sha512": 128}
"""Accepted algorithms and the length of their hex part."""

_SHAPE = re.compile(r"(?P<algorithm>[a-z0-9]+(?:[+._-][a-z0-9]+)*):(?P<hex>[0-9a-f]+)")


def check(text: str) -> str:
    """The text itself when it is a digest we can verify; raises Invalid otherwise."""
    match = _SHAPE.fullmatch(text)
    if match is None:
        raise Invalid(f"invalid digest {text!r}: expected algorithm:hex, as sha256:0123...")
    length = ALGORITHMS.get(match["algorithm"])
    if length is None:
        raise Invalid(f"invalid digest {text!r}: unsupported algorithm {match['algorithm']!r}")
    if len(match["hex"]) != length:
        raise Invalid(f"invalid digest {text!r}: expected {length} hex digits")
    return text


def is_digest(text: str) -> bool:
    """Whether the text is a whole digest of an accepted algorithm."""
    match = _SHAPE.fullmatch(text)
    return match is not None and ALGORITHMS.get(match["algorithm"]) == len(match["hex"])


def of(data: bytes) -> str:
    """The sha256 digest of the bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def encoded(digest: str) -> str:
    """The hex part of a digest."""
    return digest.partition(":")[2]


def algorithm(digest: str) -> str:
    """The algorithm of a digest."""
    return digest.partition(":")[0]
