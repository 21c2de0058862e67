"""Blobs from registries into the content store: resumable, verified, shared.

A download's bytes live in a partial file named by the digest until they are complete; it survives
cancel, crash and kill -9, and the next download of the digest, from whatever registry, goes on
where it ends. Two who want one digest share one download.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from wherry.errors import WherryError
from wherry.registry.cancellation import Cancellation, Cancelled
from wherry.registry.download import Download, Slots
from wherry.storage.content import KIND

if TYPE_CHECKING:
    from wherry.registry.session import Session
    from wherry.registry.watcher import Watcher
    from wherry.spec.image import Descriptor
    from wherry.storage.content import ContentStore
    from wherry.storage.leases import Lease


class Downloads:
    """All downloads of one engine, so many at once. Its owner keeps one and closes it."""

    def __init__(self, content: ContentStore, limit: int = 3) -> None:
        self._content = content
        self._slots = Slots(limit)
        self._lock = threading.Lock()
        self._running: dict[str, Download] = {}
        self._closed = False

    def fetch(
        self,
        session: Session,
        repository: str,
        descriptor: Descriptor,
        lease: Lease,
        watcher: Watcher,
        cancellation: Cancellation | None = None,
    ) -> bool:
        """Have the blob in the content store, held by `lease`; blocks until it is there.

        Returns False when it was there already. Raises what `Session` raises, Invalid when digest
        or size do not fit (nothing is stored then), OSError (ENOSPC), and Cancelled: that ends the
        download only if nobody else waits for it, and keeps its bytes.
        """
        wish = cancellation or session.cancellation
        lease.add(KIND, descriptor.digest)  # before the look: then nobody removes it after it
        while not self._content.has(descriptor.digest):
            download = self._join(session, repository, descriptor, watcher)
            try:
                download.wait(wish)
                download.store(self._content, lease)
                return True
            except WherryError:
                if download.session is session:
                    raise  # else it was another's rights, or registry, that failed: try by ours
            finally:
                self._leave(download, descriptor.digest, watcher)
        watcher.advanced(descriptor.size)
        return False

    def clear_unfinished(self) -> int:
        """Remove the bytes of downloads that were broken off; how many that were on the disk."""
        with self._lock:
            return self._content.partials.clear(but=self._running)

    def close(self) -> None:
        """End all downloads, keep their partial files, wait for their threads."""
        with self._lock:
            self._closed = True
            running = list(self._running.values())
        for download in running:
            download.cancel()
        for download in running:
            download.join()

    def _join(
        self, session: Session, repository: str, descriptor: Descriptor, watcher: Watcher
    ) -> Download:
        """The download of a digest that runs, or a new one."""
        while True:
            with self._lock:
                if self._closed:
                    raise Cancelled
                download = self._running.get(descriptor.digest)
                if download is None:
                    return self._start(session, repository, descriptor, watcher)
                if download.add(watcher):
                    return download
            download.join()  # it failed, or was cancelled, and has not quite ended
            self._forget(download, descriptor.digest)

    def _start(
        self, session: Session, repository: str, descriptor: Descriptor, watcher: Watcher
    ) -> Download:
        def ended() -> None:
            if not download.is_wanted:
                self._forget(download, descriptor.digest)

        self._content.partials.expire(but=self._running)
        download = Download(session, repository, descriptor, ended)
        download.add(watcher)
        download.start(self._content.partials, self._slots)
        self._running[descriptor.digest] = download
        return download

    def _leave(self, download: Download, digest: str, watcher: Watcher) -> None:
        if download.remove(watcher):
            self._forget(download, digest)

    def _forget(self, download: Download, digest: str) -> None:
        with self._lock:
            if self._running.get(digest) is download and not download.is_wanted:
                del self._running[digest]
