"""Layers in the form in which registries and archives hold them: one blob each."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from wherry.errors import Invalid
from wherry.image import compression

if TYPE_CHECKING:
    from wherry.image.compression import Readable

_CHUNK = 1 << 20


def plain_digest(file: Readable, what: str) -> str:
    """The diffID of the layer that a blob holds, `what` being its name. Raises Invalid."""
    hashed = hashlib.sha256()
    plain = compression.Decompressed(file)
    try:
        while data := plain.read(_CHUNK):
            hashed.update(data)
    except compression.CompressionError as error:
        raise Invalid(f"blob {what}: {error}") from error
    return f"sha256:{hashed.hexdigest()}"
