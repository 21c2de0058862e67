"""Making an image of what a container has changed (`docker commit`)."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wherry.image import tarwriter
from wherry.image.unpacking import unpack_stream
from wherry.spec import image as documents
from wherry.spec import instant, platform

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wherry.image.record import Image
    from wherry.image.store import ImageStore
    from wherry.storage.gc import Collector
    from wherry.storage.merged import MergedTree
    from wherry.storage.snapshot import Change


@dataclass(frozen=True, slots=True)
class Committed:
    """What the new image says of itself beside its parent's word; `config` in Docker's names."""

    config: Mapping[str, Any]
    author: str = ""
    comment: str = ""
    created_by: str = ""
    container: str = ""


def commit(
    images: ImageStore,
    collector: Collector,
    parent: Image | None,
    view: MergedTree,
    changes: Sequence[Change],
    said: Committed,
) -> Image:
    """Record an image of the parent's layers and one with the changes, which `view` shows.

    Without changes there is no new layer. Raises Unavailable when the disk is full.
    """
    with collector.lease() as lease:
        diff_ids = list(parent.layers) if parent else []
        if changes:
            with view:
                layer, _ = unpack_stream(images.layers, tarwriter.changed(view, changes), lease)
            diff_ids.append(layer.diff_id)
        document = _document(parent, diff_ids, said, is_empty=not changes)
        return images.add(document, lease, parent=parent.id if parent else "")


def _document(
    parent: Image | None, diff_ids: Sequence[str], said: Committed, *, is_empty: bool
) -> bytes:
    before: dict[str, Any] = json.loads(parent.document) if parent else {}
    created = instant.format(time.time_ns())
    target = platform.of_machine(os.uname().machine)
    step = {"created": created, "author": said.author, "created_by": said.created_by}
    step = {name: value for name, value in {**step, "comment": said.comment}.items() if value}
    entry: dict[str, Any] = {**step, "empty_layer": True} if is_empty else step
    document: dict[str, Any] = {
        "architecture": before.get("architecture", target.architecture),
        "config": dict(said.config),
        "container": said.container,
        "created": created,
        "history": [*(before.get("history") or ()), entry],
        "os": before.get("os", target.os),
        "rootfs": {"type": "layers", "diff_ids": list(diff_ids)},
    }
    kept = {"author": said.author, "comment": said.comment, "variant": before.get("variant")}
    document |= {name: value for name, value in kept.items() if value}
    return documents.encode(document)
