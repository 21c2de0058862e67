"""A request's body on its way into an upload: hashed and written while the next bytes arrive."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from wherry.http.body import BadBody, Body
from wherry.registry.server.library import Library
from wherry.registry.server.uploads import Upload

PIECE: Final = 1024 * 1024
"""Bytes that are worth a write, and a thread's attention."""
FLUSH: Final = 32 * 1024 * 1024
"""Bytes after which the disk is set to work, so that the last fsync(2) has little to wait for."""


class Intake:
    """Appends pieces in worker threads, one ahead. Raises what `Upload.append` raises."""

    def __init__(self, library: Library, upload: Upload, turn: object) -> None:
        self._library = library
        self._upload = upload
        self._turn = turn
        self._writing: asyncio.Future[None] | None = None
        self._flushing: asyncio.Future[None] | None = None
        self._flushed = upload.size

    async def take(self, piece: bytes) -> None:
        """Begin to write a piece, as soon as the one before is written."""
        await self.end()
        append = self._library.in_thread(self._upload.append, self._turn, piece)
        self._writing = _watched(asyncio.ensure_future(append))
        self._flush()

    async def end(self) -> None:
        """Wait for the last piece; its write goes on even where nobody waits any more."""
        if self._writing is not None:
            await asyncio.shield(self._writing)

    def _flush(self) -> None:
        idle = self._flushing is None or self._flushing.done()
        if idle and self._upload.size - self._flushed > FLUSH:
            self._flushed = self._upload.size
            flush = self._library.in_thread(self._upload.flush)
            self._flushing = _watched(asyncio.ensure_future(flush))


async def pieces(body: Body) -> AsyncIterator[bytes]:
    """The body in pieces worth a write; what came before a break is delivered, then it raises."""
    gathered = bytearray()
    try:
        async for data in body:
            gathered += data
            if len(gathered) >= PIECE:
                yield bytes(gathered)
                gathered.clear()
    except BadBody:
        if gathered:
            yield bytes(gathered)
        raise
    if gathered:
        yield bytes(gathered)


def _watched(future: asyncio.Future[None]) -> asyncio.Future[None]:
    """Count a failure as seen: where the client has left, nobody else asks for it."""
    future.add_done_callback(lambda done: None if done.cancelled() else _look_at(done))
    return future


def _look_at(done: asyncio.Future[None]) -> None:
    done.exception()
