"""One blob on its way from the upstream registry into the cache, read by clients meanwhile.

However many ask for it, it is fetched once; each of them reads the file as it grows. The last
bytes are held back until the digest was found right, so that nobody takes a broken blob for whole.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from typing import BinaryIO, Final

from wherry.errors import WherryError
from wherry.registry.server.errors import RegistryError
from wherry.registry.server.library import Library
from wherry.registry.server.ranges import Span
from wherry.registry.server.uploads import Upload
from wherry.registry.server.upstream import Upstream
from wherry.spec.image import Descriptor

_HELD_BACK: Final = 1
_PIECE: Final = 256 * 1024


class Filling:
    """Fetches one blob; lives in the loop, the work is done by a thread."""

    def __init__(
        self, library: Library, upstream: Upstream, name: str, descriptor: Descriptor
    ) -> None:
        self._library = library
        self._upstream = upstream
        self._name = name
        self._descriptor = descriptor
        self._changed = asyncio.Event()
        self._arrived = 0
        self._path = ""
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        """Fetch all of it and make it a blob. Raises RegistryError, WherryError, OSError."""
        uploads = self._library.uploads
        algorithm = self._descriptor.digest.partition(":")[0]
        upload = await self._library.in_thread(uploads.begin, self._name, algorithm)
        self._path = upload.path
        try:
            turn = upload.take_over()
            loop = asyncio.get_running_loop()
            await self._library.in_thread(self._fetch, upload, turn, loop)
            await self._library.complete(upload, turn, self._descriptor.digest)
        except BaseException:
            uploads.cancel(upload)
            raise
        finally:
            self._wake()

    def _fetch(self, upload: Upload, turn: object, loop: asyncio.AbstractEventLoop) -> None:
        for piece in self._upstream.blob(self._name, self._descriptor):
            upload.append(turn, piece)
            loop.call_soon_threadsafe(self._note, upload.size)

    def _note(self, arrived: int) -> None:
        self._arrived = arrived
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def begun(self) -> None:
        """Return when there is something to read. Raises what the fetch raised before that."""
        while not self._arrived and not self.task.done():
            await self._changed.wait()
        if not self._arrived and self.task.done():
            await self.task

    async def read(self, span: Span) -> AsyncIterator[bytes]:
        """A part of the blob as it arrives. Raises ConnectionAbortedError if it never will."""
        offset, end = span.start, span.end + 1
        ready = await self._ready(offset)
        with self._open() as file:
            while offset < end:
                ready = await self._ready(offset)
                piece = os.pread(file.fileno(), min(_PIECE, min(end, ready) - offset), offset)
                if not piece:
                    raise ConnectionAbortedError("the upstream's blob is shorter than told")
                yield piece
                offset += len(piece)

    def _open(self) -> BinaryIO:
        """The file where it grows, or where it has come to meanwhile."""
        try:
            return open(self._path, "rb", buffering=0)
        except FileNotFoundError:
            return self._library.files.open(self._descriptor.digest)

    async def _ready(self, offset: int) -> int:
        """Wait until there is more than `offset`; returns how far it may be read."""
        while True:
            changed = self._changed
            if self.task.done():
                if self.task.cancelled() or self.task.exception() is not None:
                    raise ConnectionAbortedError("the upstream registry did not give the blob")
                return self._descriptor.size
            if self._arrived - _HELD_BACK > offset:
                return self._arrived - _HELD_BACK
            await changed.wait()


def failure(error: BaseException, what: str) -> RegistryError:
    """What a client is told when the upstream registry fails."""
    if isinstance(error, RegistryError):
        return error
    reason = error.message if isinstance(error, WherryError) else str(error)
    return RegistryError("UNAVAILABLE", f"cannot get {what} from the upstream registry: {reason}")
