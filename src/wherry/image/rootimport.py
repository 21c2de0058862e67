"""Making an image of a root file system (`docker import`)."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wherry.errors import Invalid
from wherry.image import changes as instructions
from wherry.image.unpacking import unpack_stream
from wherry.spec import image as documents
from wherry.spec import instant, platform

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wherry.image.record import Image
    from wherry.image.store import ImageStore
    from wherry.storage.gc import Collector


@dataclass(frozen=True, slots=True)
class RootImport:
    """What the image is to say of itself. `created` is in nanoseconds since the epoch, 0 for now.

    `changes` are Dockerfile instructions, `platform` is os[/arch[/variant]] or empty for the host.
    """

    message: str = ""
    changes: Sequence[str] = ()
    platform: str = ""
    created: int = 0


def check(request: RootImport) -> dict[str, Any]:
    """The image's `config` object as the changes make it. Raises Invalid."""
    if request.platform:
        platform.parse(request.platform)
    return instructions.apply(request.changes, {})


def import_root(
    images: ImageStore, collector: Collector, portions: Iterable[bytes], request: RootImport
) -> Image:
    """Unpack the tar (compressed or not) as a layer and record an image of it, without a name.

    Raises Invalid for a bad archive or request, Unavailable when the disk is full.
    """
    config = check(request)
    with collector.lease() as lease:
        layer, unpacked = unpack_stream(images.layers, portions, lease)
        if not unpacked.entries:
            raise Invalid("cannot import an empty archive")
        return images.add(_document(request, config, layer.diff_id), lease)


def _document(request: RootImport, config: dict[str, Any], diff_id: str) -> bytes:
    """The image's config document; the same request at the same instant gives the same bytes."""
    target = (
        platform.parse(request.platform)
        if request.platform
        else platform.of_machine(os.uname().machine)
    )
    created = instant.format(request.created or time.time_ns())
    comment = request.message or "Imported from -"
    document: dict[str, Any] = {"architecture": target.architecture}
    if target.variant:
        document["variant"] = target.variant
    document |= {
        "comment": comment,
        "config": config,
        "created": created,
        "history": [{"created": created, "comment": comment}],
        "os": target.os,
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
    }
    return documents.encode(document)
