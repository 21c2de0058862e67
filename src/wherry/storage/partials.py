"""Downloads that are not complete: one file per digest, kept over cancel, crash and restart.

What a file holds is the beginning of the blob, as far as anyone knows: it is hashed again before
it is trusted. A complete one becomes a blob by a second link, and goes when a record owns that: a
pull that ends before its image is whole loses none of its layers. Files that nobody went on with
for `EXPIRY` are removed, and all when images are pruned.
"""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from wherry.spec import digest as digests
from wherry.storage.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Collection
    from types import TracebackType

EXPIRY: Final = 7 * 24 * 3600.0  # seconds
_BLOCK: Final = 1 << 20


class Partial:
    """One unfinished blob, open for appending; the digest of what is there is kept up."""

    def __init__(self, path: str, digest: str) -> None:
        """Open or begin it. Raises OSError."""
        self.path = path
        self.size = 0
        self._algorithm = digests.algorithm(digest)
        self._hash = hashlib.new(self._algorithm)
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._hash_again()
        except BaseException:
            os.close(self._descriptor)
            raise

    @property
    def digest(self) -> str:
        """The digest of what was written so far."""
        return f"{self._algorithm}:{self._hash.hexdigest()}"

    def write(self, data: memoryview) -> None:
        """Append all of it. Raises OSError (ENOSPC, ...)."""
        self._hash.update(data)
        self.size += len(data)
        while data:
            data = data[os.write(self._descriptor, data) :]

    def reset(self) -> None:
        """Begin anew: nothing of what was written counts."""
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        self.size = 0
        self._hash = hashlib.new(self._algorithm)

    def remove(self) -> None:
        """Delete the file."""
        os.unlink(self.path)

    def _hash_again(self) -> None:
        while block := os.read(self._descriptor, _BLOCK):
            self._hash.update(block)
            self.size += len(block)

    def __enter__(self) -> Partial:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)


class Partials:
    """All unfinished downloads, in one directory."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        os.makedirs(directory, mode=0o700, exist_ok=True)

    def path(self, digest: str) -> str:
        """Where the unfinished blob is or would be."""
        return os.path.join(self._directory, digest.replace(":", "-"))

    def open(self, digest: str) -> Partial:
        """Go on with a blob, or begin it; one at a time for each digest. Raises OSError."""
        return Partial(self.path(digest), digest)

    def forget(self, digest: str) -> None:
        """What was there of the blob is not needed any more."""
        with suppress(FileNotFoundError):
            os.unlink(self.path(digest))

    def expire(self, but: Collection[str], now: float | None = None) -> None:
        """Remove files that nobody wrote to for `EXPIRY`, but for these digests."""
        kept = {os.path.basename(self.path(digest)) for digest in but}
        oldest = (time.time() if now is None else now) - EXPIRY
        with os.scandir(self._directory) as entries:
            for entry in entries:
                if entry.name not in kept and entry.stat().st_mtime < oldest:
                    os.unlink(entry.path)

    def clear(self, but: Collection[str]) -> int:
        """Remove all that nobody goes on with (`but` are those in work); bytes that were freed.

        What is a blob by another link stays: a pull that is not over yet may still need it.
        """
        kept = {os.path.basename(self.path(digest)) for digest in but}
        freed = 0
        with os.scandir(self._directory) as entries:
            for entry in entries:
                state = entry.stat()
                if entry.name not in kept and state.st_nlink == 1:
                    os.unlink(entry.path)
                    freed += state.st_blocks * 512
        return freed

    def usage(self) -> Usage:
        """Disk use of all of them, but for those that are blobs by another link."""
        with os.scandir(self._directory) as entries:
            states = [entry.stat() for entry in entries]
        own = [state.st_blocks * 512 for state in states if state.st_nlink == 1]
        return Usage(sum(own), len(own))
