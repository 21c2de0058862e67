"""Layers in the form in which registries and archives hold them: one blob each."""

from __future__ import annotations

import contextlib
import hashlib
from typing import IO, TYPE_CHECKING

from wherry.errors import Invalid
from wherry.image import compression
from wherry.image.unpacking import unpack_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.image.compression import Readable
    from wherry.spec.image import Descriptor
    from wherry.storage.layer import LayerStore
    from wherry.storage.leases import Lease

    Watch = Callable[[IO[bytes]], contextlib.AbstractContextManager[None]]

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


def is_kept(layers: LayerStore, diff_id: str, digest: str) -> bool:
    """Whether the blob is known to hold the layer; the layer's own tar always is."""
    return diff_id == digest or any(blob.digest == digest for blob in layers.blobs(diff_id))


def place(
    layers: LayerStore,
    blob: Descriptor,
    diff_id: str,
    lease: Lease,
    watch: Watch = lambda file: contextlib.nullcontext(),
) -> None:
    """Have the layer of a blob in the content store, and keep the blob with it; both are leased.

    It is unpacked unless somebody did before; then the blob is read to see that it holds just
    that. `watch` surrounds the unpacking of the open blob. Raises Invalid, Unavailable.
    """
    with layers.claim(diff_id):
        with layers.content.open(blob.digest) as file:
            if not layers.has(diff_id):
                with watch(file):
                    unpack_file(layers, file, lease, expected=diff_id)
            elif not is_kept(layers, diff_id, blob.digest):
                _check(file, blob, diff_id)
        if blob.digest != diff_id:
            layers.keep_blob(diff_id, blob.digest, blob.media_type)


def _check(file: IO[bytes], blob: Descriptor, diff_id: str) -> None:
    found = plain_digest(file, blob.digest)
    if found != diff_id:
        raise Invalid(
            f"layer digest does not fit: blob {blob.digest} holds {found}, its image's config "
            f"names {diff_id}"
        )
