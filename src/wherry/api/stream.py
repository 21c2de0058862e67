"""The framing of container output on hijacked connections and in logs (Docker's "stdcopy").

Without a terminal every piece has an 8-byte header: stream number, three zero bytes, length as a
big-endian 32-bit number (API reference, "Attach to a container", "Stream format"). A terminal's
output is sent as it is.
"""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator
from typing import Final

from wherry.api.version import Version
from wherry.engine.values.streams import Chunk

RAW: Final = "application/vnd.docker.raw-stream"
MULTIPLEXED: Final = "application/vnd.docker.multiplexed-stream"
_MULTIPLEXED_SINCE: Final[Version] = (1, 42)
_HEADER: Final = struct.Struct(">BxxxL")


def frame(stream: int, data: bytes) -> bytes:
    """Return `data` with its header; `stream` is STDOUT or STDERR."""
    return _HEADER.pack(stream, len(data)) + data


def content_type(*, tty: bool, version: Version) -> str:
    """Return the media type that a client of that version knows."""
    return MULTIPLEXED if not tty and version >= _MULTIPLEXED_SINCE else RAW


async def framed(chunks: AsyncIterator[Chunk], *, tty: bool) -> AsyncIterator[bytes]:
    """Yield the bytes to send; closes `chunks` when it is closed."""
    try:
        async for stream, data in chunks:
            yield data if tty else frame(stream, data)
    finally:
        close = getattr(chunks, "aclose", None)
        if close is not None:
            await close()
