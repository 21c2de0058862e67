"""A file's bytes on their way to a client without a copy through this process: sendfile(2).

The kernel is asked for a window at a time, so that a client that reads as fast as we send cannot
keep the loop to itself; the next window is announced (posix_fadvise(2)), so that the disk works
while the present one is sent. TLS has no such short cut here: asyncio reads the file in a thread.
"""

from __future__ import annotations

import asyncio
import os
from typing import BinaryIO, Final

WINDOW: Final = 4 * 1024 * 1024
"""Bytes sent before others get their turn: one to three milliseconds."""


async def send(transport: asyncio.Transport, file: BinaryIO, offset: int, count: int) -> None:
    """Send `count` bytes from `offset`. Raises ConnectionError; also when the file is shorter."""
    loop = asyncio.get_running_loop()
    end = offset + count
    while offset < end:
        if transport.is_closing():
            raise ConnectionResetError("the peer closed the connection")
        window = min(WINDOW, end - offset)
        os.posix_fadvise(file.fileno(), offset + window, WINDOW, os.POSIX_FADV_WILLNEED)
        sent = await loop.sendfile(transport, file, offset, window)
        if not sent:
            raise ConnectionAbortedError(f"the file ended {end - offset} bytes early")
        offset += sent
