"""Blobs as files: `blobs/<algorithm>/<first two digits>/<digits>`, whole or not there.

A file comes to its place by a rename, after its bytes are on the disk; then its row is written.
It goes the other way round: row, then file. A crash in between leaves a file without a row, which
the collection of garbage removes. Both ways hold the digest's lock, so that a blob that is being
collected and pushed again at the same moment is not lost.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final

from wherry.atomicfile import sync_directory
from wherry.spec import digest as digests

_LOCKS: Final = 64


class BlobFiles:
    """The files below one directory. Thread-safe; raises OSError."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._locks = [threading.Lock() for _ in range(_LOCKS)]
        for name in digests.ALGORITHMS:
            os.makedirs(os.path.join(root, name), mode=0o700, exist_ok=True)

    def path(self, digest: str) -> str:
        """Where the blob is or would be."""
        digits = digests.encoded(digest)
        return os.path.join(self._root, digests.algorithm(digest), digits[:2], digits)

    def open(self, digest: str) -> BinaryIO:
        """Read it. Raises FileNotFoundError."""
        return open(self.path(digest), "rb", buffering=0)

    @contextlib.contextmanager
    def _held(self, digest: str) -> Iterator[None]:
        with self._locks[int(digests.encoded(digest)[:8], 16) % _LOCKS]:
            yield

    def adopt(self, path: str, digest: str, record: Callable[[], None]) -> None:
        """Make a whole file, in our file system, the blob; `record` then writes its row.

        A blob that is there already is kept and the file removed.
        """
        _sync(path)
        target = self.path(digest)
        with self._held(digest):
            if os.path.exists(target):
                os.unlink(path)
            else:
                self._place(path, target)
            record()

    def _place(self, path: str, target: str) -> None:
        folder = os.path.dirname(target)
        if not os.path.isdir(folder):
            os.makedirs(folder, mode=0o700, exist_ok=True)
            sync_directory(os.path.dirname(folder))
        os.rename(path, target)
        sync_directory(folder)

    def discard(self, digest: str, forget: Callable[[str], bool]) -> int | None:
        """Remove the blob if `forget` lets its row go; returns the bytes that came back.

        None when there was nothing to remove.
        """
        with self._held(digest):
            if not forget(digest):
                return None
            try:
                size = os.stat(self.path(digest)).st_size
                os.unlink(self.path(digest))
            except FileNotFoundError:
                return None
        return size

    def strays(self, known: Callable[[str], bool], age: float) -> Iterator[str]:
        """Digests of files without a row that were last changed more than `age` seconds ago."""
        oldest = time.time() - age
        for name in digests.ALGORITHMS:
            for folder, _, files in os.walk(os.path.join(self._root, name)):
                for digits in files:
                    digest = f"{name}:{digits}"
                    if known(digest) or not digests.is_digest(digest):
                        continue
                    with contextlib.suppress(FileNotFoundError):
                        if os.stat(os.path.join(folder, digits)).st_mtime < oldest:
                            yield digest


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
