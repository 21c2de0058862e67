"""From a descriptor to a layer or a kept blob: fetched, unpacked, each by itself."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wherry.engine.pulling.display import Transfer, reading, short
from wherry.engine.values.images import Progress
from wherry.errors import Invalid
from wherry.image.layerblobs import plain_digest
from wherry.image.unpacking import unpack_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import IO

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
            kept = part.is_plain or self._is_kept(part)
            there = there and kept and self._layers.has(part.diff_id)
        self._report(Progress("Already exists" if there else "Pulling fs layer", short(digest)))
        return there

    def _is_kept(self, part: Part) -> bool:
        digest = part.descriptor.digest
        return any(blob.digest == digest for blob in self._layers.blobs(part.diff_id))

    def bring(self, part: Part) -> None:
        """Fetch, unpack, keep."""
        self._fetch(part.descriptor)
        if part.diff_id:
            with self._works.unpackers, self._layers.claim(part.diff_id):
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
        """The layer is unpacked, or was by somebody else: then the blob must hold just that."""
        descriptor, diff_id = part.descriptor, part.diff_id
        with self._content.open(descriptor.digest) as file:
            if not self._layers.has(diff_id):
                with reading(self._report, "Extracting", file, descriptor):
                    unpack_file(self._layers, file, self._lease, expected=diff_id)
            elif not part.is_plain and not self._is_kept(part):
                self._check(file, part)
        if not part.is_plain:
            self._layers.keep_blob(diff_id, descriptor.digest, descriptor.media_type)

    def _check(self, file: IO[bytes], part: Part) -> None:
        found = plain_digest(file, part.descriptor.digest)
        if found != part.diff_id:
            raise Invalid(
                f"layer digest does not fit: blob {part.descriptor.digest} holds {found}, "
                f"its image's config names {part.diff_id}"
            )
