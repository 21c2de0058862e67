"""Compressed streams: told apart by their first bytes, read as plain ones, in bounded portions.

Slim: runs in the unpack worker too, so codecs are imported only when they are needed (isal for
gzip, a third of zlib's time, with zlib as the fallback).
"""

from __future__ import annotations

from wherry.image.zstdframes import FrameTracker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Readable(Protocol):
        """A source of bytes: up to `size` of them, none at the end."""

        def read(self, size: int = ..., /) -> bytes: ...


NONE = ""
GZIP = "gzip"
ZSTD = "zstd"
BZIP2 = "bzip2"
XZ = "xz"

_MAGIC = (
    (b"\x1f\x8b\x08", GZIP),
    (b"\x28\xb5\x2f\xfd", ZSTD),
    (b"BZh", BZIP2),
    (b"\xfd7zXZ\x00", XZ),
)
HEAD = 6
"""How many first bytes `detect` wants to see."""

_CHUNK = 1 << 18
_GZIP_LEVEL = 2  # of isal's 0 to 3: about the size of zlib's 4 at a tenth of its time
_GZIP_WINDOW = 31  # zlib's way to say: 32 KiB window, gzip header and trailer


class CompressionError(Exception):
    """The stream is damaged or ends early."""


def detect(head: bytes) -> str:
    """The compression that a stream with these first bytes has; NONE for anything else."""
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    return NONE


class Peeked:
    """A source whose first bytes were looked at already."""

    __slots__ = ("_head", "_source")

    def __init__(self, head: bytes, source: Readable) -> None:
        self._head = head
        self._source = source

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes, first those that were looked at."""
        if not self._head:
            return self._source.read(size)
        size = len(self._head) if size < 0 else size
        portion, self._head = self._head[:size], self._head[size:]
        return portion


def peek(source: Readable, size: int) -> tuple[bytes, Peeked]:
    """The first bytes, fewer only at the end, and a source that still begins with them."""
    head = b""
    while len(head) < size and (more := source.read(size - len(head))):
        head += more
    return head, Peeked(head, source)


class Decompressed:
    """What a stream of any known compression holds; `kind` tells which one it has."""

    __slots__ = ("_plain", "kind")

    def __init__(self, source: Readable) -> None:
        head, peeked = peek(source, HEAD)
        self.kind = detect(head)
        self._plain = _OPENERS[self.kind](peeked)

    def read(self, size: int = _CHUNK) -> bytes:
        """Up to `size` bytes, none at the end. Raises CompressionError."""
        try:
            data: bytes = self._plain.read(size)
            return data
        except CompressionError:
            raise
        except EOFError as error:
            raise CompressionError(f"the {self.kind} stream ends early") from error
        except (OSError, ValueError, ArithmeticError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # reading the source failed, not decoding it
            raise CompressionError(f"damaged {self.kind} stream: {error}") from error
        except Exception as error:
            # isal, lzma and zstandard each have an error class of their own, not to be imported.
            if type(error).__name__ in ("IsalError", "error", "LZMAError", "ZstdError"):
                raise CompressionError(f"damaged {self.kind} stream: {error}") from error
            raise


class _Gzip:
    """gzip with any number of members; zeros behind the last one are padding (RFC 1952, 2.2)."""

    __slots__ = ("_inflate", "_input", "_new", "_source")

    def __init__(self, source: Readable) -> None:
        self._source = source
        self._input = b""
        self._new = _zlib().decompressobj
        self._inflate: Any = self._new(_GZIP_WINDOW)

    def read(self, size: int) -> bytes:
        while True:
            if not self._input:
                self._input = self._source.read(_CHUNK)
            if self._inflate.eof and not self._next_member():
                return b""
            at_end = not self._input
            data: bytes = self._inflate.decompress(self._input, size)
            if self._inflate.eof:
                self._input = self._inflate.unused_data
            else:
                self._input = self._inflate.unconsumed_tail
                if at_end and not data:
                    raise CompressionError("the gzip stream ends early")
            if data:
                return data

    def _next_member(self) -> bool:
        """Whether another member follows; False at the end."""
        while self._input:
            self._input = self._input.lstrip(b"\0")
            if self._input:
                self._inflate = self._new(_GZIP_WINDOW)
                return True
            self._input = self._source.read(_CHUNK)
        return False


def _zlib() -> Any:
    try:
        from isal import isal_zlib
    except ImportError:
        import zlib

        return zlib
    return isal_zlib


class _Zstd:
    """zstd with any number of frames."""

    __slots__ = ("_reader", "_tracker")

    def __init__(self, source: Readable) -> None:
        import zstandard

        self._tracker = FrameTracker()
        decompressor = zstandard.ZstdDecompressor(max_window_size=1 << 31)
        self._reader: Any = decompressor.stream_reader(
            _Tracked(source, self._tracker),  # type: ignore[arg-type]
            read_size=_CHUNK,
            read_across_frames=True,
            closefd=False,
        )

    def read(self, size: int) -> bytes:
        data: bytes = self._reader.read(size)
        if not data and not self._tracker.complete:
            raise CompressionError("the zstd stream ends early")
        return data


class _Tracked:
    """A source that tells the tracker what it gave."""

    __slots__ = ("_source", "_tracker")

    def __init__(self, source: Readable, tracker: FrameTracker) -> None:
        self._source = source
        self._tracker = tracker

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size)
        self._tracker.feed(data)
        return data


def _bzip2(source: Readable) -> Any:
    import bz2

    return bz2.BZ2File(source)  # type: ignore[call-overload]


def _xz(source: Readable) -> Any:
    import lzma

    return lzma.LZMAFile(source)  # type: ignore[arg-type]


def _plain(source: Readable) -> Readable:
    return source


_OPENERS = {NONE: _plain, GZIP: _Gzip, ZSTD: _Zstd, BZIP2: _bzip2, XZ: _xz}


def gzip_compressor() -> Any:
    """One that makes a gzip stream (compress, flush): the same bytes for the same input."""
    zlib = _zlib()
    return zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)


def new_compressor() -> Any:
    """A fast zlib-format compressor (compress, flush) for our own files."""
    return _zlib().compressobj(1)
