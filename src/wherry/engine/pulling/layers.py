"""From a descriptor to a layer or a kept blob: fetched, unpacked, each by itself."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wherry.engine.pulling.display import Transfer, reading, short
from wherry.engine.values.images import Progress
from wherry.image.layerblobs import is_kept, place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.engine.pulling.display import Report
    from wherry.registry.cancellation import Cancellation
    from wherry.registry.fetch import Downloads
    from wherry.registry.session import Session
    from wherry.spec.image import Descriptor
    from wherry.storage.layer import LayerStore
    from wherry.storage.leases import Lease

_UNPACKERS = os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Part:
    """A blob to have; with a `diff_id` also the layer that it holds, unpacked."""

    descriptor: Descriptor
    diff_id: str = ""

    @property
    def is_plain(self) -> bool:
        """Whether the blob is the layer's tar itself: that is made again from the layer."""
        return self.diff_id == self.descriptor.digest


class LayerWorks:
    """Fetches and unpacks for all pulls of one engine; bounds how many unpack at once."""

    def __init__(self, layers: LayerStore, downloads: Downloads, limit: int) -> None:
        self.layers = layers
        self.downloads = downloads
        self._workers = limit + _UNPACKERS
        self._limit = limit
        self.unpackers = threading.BoundedSemaphore(_UNPACKERS)

    def bring(
        self,
        parts: Sequence[Part],
        session: Session,
        repository: str,
        lease: Lease,
        report: Report,
        cancellation: Cancellation,
    ) -> bool:
        """Have all parts in place, held by `lease`; whether any of them was new.

        The first that fails ends the others. Raises its error: what `Downloads.fetch` raises,
        Invalid for a layer that is damaged or is not the one its config names.
        """
        work = _Work(self, session, repository, lease, report, cancellation)
        missing = [part for part in parts if not work.is_there(part)]
        for number, part in enumerate(missing):
            if number >= self._limit:
                report(Progress("Waiting", short(part.descriptor.digest)))
        if not missing:
            return False
        workers = min(self._workers, len(missing))
        with ThreadPoolExecutor(workers, thread_name_prefix="layer") as pool:
            tasks = [pool.submit(work.bring, part) for part in missing]
            try:
                for task in as_completed(tasks):
                    task.result()
            except BaseException:
                cancellation.cancel()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return True


class _Work:
    """The parts of one pull."""

    def __init__(
        self,
        works: LayerWorks,
        session: Session,
        repository: str,
        lease: Lease,
        report: Report,
        cancellation: Cancellation,
    ) -> None:
        self._works = works
        self._layers = works.layers
        self._content = works.layers.content
        self._session = session
        self._repository = repository
        self._lease = lease
        self._report = report
        self._cancellation = cancellation

    def is_there(self, part: Part) -> bool:
        """Whether nothing is to be done, which people are told; else that it begins."""
        digest = part.descriptor.digest
        self._lease.add("blob", digest)
        there = part.is_plain or self._content.has(digest)
        if part.diff_id:
            self._lease.add("layer", part.diff_id)
            kept = is_kept(self._layers, part.diff_id, digest)
            there = there and kept and self._layers.has(part.diff_id)
        self._report(Progress("Already exists" if there else "Pulling fs layer", short(digest)))
        return there

    def bring(self, part: Part) -> None:
        """Fetch, unpack, keep."""
        self._fetch(part.descriptor)
        if part.diff_id:
            with self._works.unpackers:
                self._cancellation.check()
                self._place(part)
        self._report(Progress("Pull complete", short(part.descriptor.digest)))

    def _fetch(self, descriptor: Descriptor) -> None:
        watcher = Transfer(self._report, "Downloading", descriptor)
        self._works.downloads.fetch(
            self._session, self._repository, descriptor, self._lease, watcher, self._cancellation
        )
        self._report(Progress("Download complete", short(descriptor.digest)))

    def _place(self, part: Part) -> None:
        descriptor = part.descriptor
        place(
            self._layers,
            descriptor,
            part.diff_id,
            self._lease,
            lambda file: reading(self._report, "Extracting", file, descriptor),
        )
