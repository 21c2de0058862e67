"""The bytes of a tar archive, in blocks and portions, hashed on both sides of the decompressor.

Reading, hashing and decompressing run in a thread of their own (all three release the GIL), so
that they overlap with the file system work of the unpacker. Slim: runs in the unpack worker.
"""

from __future__ import annotations

import _thread
import functools
import hashlib
import os
from _queue import SimpleQueue

from wherry.image.compression import CompressionError, Decompressed
from wherry.image.tarheader import BLOCK, TarError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Read = Callable[[int], bytes]
    """Up to so many bytes, none at the end."""

_CHUNK = 1 << 20
_AHEAD = 4  # portions decompressed and not yet unpacked


class HashedFile:
    """A descriptor, or what a function gives, read to its end; with sha256 and length of it all."""

    __slots__ = ("_read", "hash", "size")

    def __init__(self, source: int | Read, *, hashed: bool = True) -> None:
        self._read = source if callable(source) else functools.partial(os.read, source)
        self.hash = hashlib.sha256() if hashed else _NoHash()
        self.size = 0

    def read(self, size: int = _CHUNK) -> bytes:
        """Up to `size` bytes, none at the end."""
        data = self._read(size if size > 0 else _CHUNK)
        self.hash.update(data)
        self.size += len(data)
        return data


class _NoHash:
    """Stands for a hash that nobody will ask for."""

    __slots__ = ()

    def update(self, data: bytes, /) -> None:
        """Nothing."""

    def hexdigest(self) -> str:
        """Nothing was hashed."""
        return ""


class TarSource:
    """What the unpacker reads from. With `hashed` off, the digests stay empty.

    The thread starts with the first read, since one with threads cannot enter a mount namespace.
    """

    def __init__(self, source: int | Read, *, hashed: bool = True) -> None:
        self.compressed = HashedFile(source, hashed=hashed)
        self._plain = Decompressed(self.compressed)  # codecs are imported here, before any chroot
        self.hash = hashlib.sha256() if hashed else _NoHash()
        self.size = 0
        self._queue: SimpleQueue[bytes | Exception] = SimpleQueue()
        self._free: SimpleQueue[None] = SimpleQueue()
        self._buffer = b""
        self._view = memoryview(b"")
        self._position = 0
        self._ended = self._started = False
        for _ in range(_AHEAD):
            self._free.put(None)

    def _produce(self) -> None:
        """The reading thread: portions, then an empty one; an exception goes the same way."""
        try:
            while data := self._plain.read(_CHUNK):
                self.hash.update(data)
                self.size += len(data)
                self._free.get()
                self._queue.put(data)
            while self.compressed.read():
                pass
            self._queue.put(b"")
        except Exception as error:  # noqa: BLE001 - raised again in the thread that reads us
            self._queue.put(error)

    def _next(self) -> bytes:
        """The next portion, none at the end (again and again)."""
        if self._ended:
            return b""
        if not self._started:
            self._started = True
            _thread.start_new_thread(self._produce, ())
        item = self._queue.get()
        if isinstance(item, Exception):
            raise TarError(str(item)) if isinstance(item, CompressionError) else item
        self._free.put(None)
        self._ended = not item
        return item

    def block(self) -> bytes:
        """The next 512 bytes; none at the end. Raises TarError when the archive stops inside."""
        end = self._position + BLOCK
        if end <= len(self._buffer):
            block = self._buffer[self._position : end]
            self._position = end
            return block
        return self._take(BLOCK, end=True)

    def take(self, size: int) -> bytes:
        """Exactly `size` bytes. Raises TarError when there are fewer."""
        end = self._position + size
        if end <= len(self._buffer):
            data = self._buffer[self._position : end]
            self._position = end
            return data
        return self._take(size)

    def _take(self, size: int, *, end: bool = False) -> bytes:
        data = self._buffer[self._position :]
        self._position = len(self._buffer)
        while len(data) < size:
            more = self._next()
            if not more:
                if end and not data:
                    return b""
                raise TarError("the archive ends early")
            self._set_buffer(more)
            wanted = size - len(data)
            data += more[:wanted]
            self._position = min(wanted, len(more))
        return data

    def portion(self, limit: int) -> memoryview:
        """At least one and at most `limit` bytes, without copying. Raises TarError at the end."""
        if self._position == len(self._buffer):
            more = self._next()
            if not more:
                raise TarError("the archive ends early")
            self._set_buffer(more)
        start = self._position
        self._position = min(start + limit, len(self._buffer))
        return self._view[start : self._position]

    def rest(self) -> bytes:
        """Some of what is left, none at the end."""
        if self._position == len(self._buffer):
            self._set_buffer(self._next())
        data = self._buffer[self._position :]
        self._position = len(self._buffer)
        return data

    def _set_buffer(self, data: bytes) -> None:
        self._buffer = data
        self._view = memoryview(data)
        self._position = 0
