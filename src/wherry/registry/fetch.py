"""Blobs from registries into the content store: resumable, verified, shared.

A download's bytes live in a partial file named by the digest until they are complete; it survives
cancel, crash and kill -9, and the next download of the digest, from whatever registry, goes on
where it ends. Two who want one digest share one download.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from wherry.errors import Unsupported

if TYPE_CHECKING:
    from wherry.registry.cancellation import Cancellation
    from wherry.registry.session import Session
    from wherry.spec.image import Descriptor
    from wherry.storage.content import ContentStore
    from wherry.storage.leases import Lease


class Watcher(Protocol):
    """Is told how one download or upload goes; called from worker threads, must be quick."""

    def advanced(self, done: int) -> None:
        """So many bytes of the whole are there (resumed ones included)."""
        ...

    def retrying(self, seconds: float, reason: str) -> None:
        """The attempt failed; the next begins in so many seconds."""
        ...


class Downloads:
    """All downloads of one engine; limits how many run at once. Its owner keeps one and closes it."""

    def __init__(self, content: ContentStore, limit: int = 3, attempts: int = 5) -> None:
        """`attempts` in a row may bring no byte before a download fails."""

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
        raise Unsupported("not yet")

    def close(self) -> None:
        """End all downloads, keep their partial files, wait for their threads."""
