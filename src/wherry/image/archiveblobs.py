"""Blobs of an image layout in an archive, found by descriptor (image-spec, image-layout.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherry.errors import Invalid
from wherry.spec import digest as digests

if TYPE_CHECKING:
    from wherry.image.spool import Member, Spool
    from wherry.spec.image import Descriptor


def has(spool: Spool, descriptor: Descriptor) -> bool:
    """Whether the archive has the blob at all."""
    return spool.has(_path(descriptor.digest))


def member(spool: Spool, descriptor: Descriptor) -> Member:
    """The file a descriptor points at; raises Invalid when it is missing or does not fit."""
    found = spool.member(_path(descriptor.digest))
    if digests.algorithm(descriptor.digest) == "sha256" and found.digest != descriptor.digest:
        raise Invalid(
            f"digest does not fit: expected {descriptor.digest}, the bytes have {found.digest}"
        )
    return found


def document(spool: Spool, descriptor: Descriptor) -> bytes:
    """The content of a small blob. Raises Invalid."""
    member(spool, descriptor)
    return spool.document(_path(descriptor.digest))


def _path(digest: str) -> str:
    return f"blobs/{digests.algorithm(digest)}/{digests.encoded(digest)}"
