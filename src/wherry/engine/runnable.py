"""Images for containers: found by name and platform, and made fit to run where they are not yet."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from wherry.image.materialise import check_runnable, materialise
from wherry.image.record import UNPACKED
from wherry.spec import platform as platforms

if TYPE_CHECKING:
    from wherry.image.record import Image
    from wherry.image.store import ImageStore
    from wherry.storage.gc import Collector


class RunnableImages:
    """The role `containers.create.Images` over the image store."""

    def __init__(self, store: ImageStore, collector: Collector) -> None:
        self._store = store
        self._collector = collector

    async def find(self, ref: str, platform: str) -> Image:
        """The image that `ref` means, of the platform if one is named, unpacked.

        Raises NotFound; Invalid or Unsupported for what is kept but cannot be run here.
        """
        wanted = platforms.parse(platform) if platform else None
        image = self._store.resolve(ref, wanted)
        if image.kind != UNPACKED:
            check_runnable(self._store, image, ref)
            image = await asyncio.to_thread(materialise, self._store, self._collector, image)
        return image
