"""How to make the identical tar of a layer again from its unpacked files.

A layer's digest covers every byte of its tar, headers, padding and order included, which the
unpacked tree does not tell. The recipe keeps exactly those bytes and points at the files for the
rest, so that the tar itself need not be kept. It is written while unpacking, in one pass.

File form: MAGIC, then a zlib stream of records, each little-endian:
    'L' u32 length, bytes                          these bytes
    'D' u16 length of path, u64 offset, u64 length, path    bytes of the file `path` of the layer
Paths are relative to the layer's root and lead through no symbolic link. When a later entry of the
archive replaced a file, the old one was moved to `shadow/<n>` beside the layer; `Shadow` tells so.
"""

from __future__ import annotations

import struct
import zlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Protocol

    class Compressor(Protocol):
        """What zlib's and isal's compressobj have in common."""

        def compress(self, data: bytes, /) -> bytes: ...

        def flush(self) -> bytes: ...

    class Readable(Protocol):
        """A binary file."""

        def read(self, size: int, /) -> bytes: ...


MAGIC = b"wherry recipe 1\n"
LITERAL = b"L"
DATA = b"D"
_LITERAL_HEAD = struct.Struct("<cI")
_DATA_HEAD = struct.Struct("<cHQQ")
_FLUSH_AT = 1 << 18
_CHUNK = 1 << 16


class RecipeWriter:
    """Collects records and writes them compressed. Slim: runs in the unpack worker."""

    __slots__ = ("_compressor", "_literal", "_records", "_write", "references")

    def __init__(self, write: Callable[[bytes], object], compressor: Compressor) -> None:
        self._write = write
        self._compressor = compressor
        self._literal = bytearray()
        self._records = bytearray()
        self.references = 0
        write(MAGIC)

    def literal(self, data: bytes | memoryview) -> None:
        """These bytes come next."""
        self._literal += data
        if len(self._literal) >= _FLUSH_AT:
            self._flush_literal()

    def data(self, path: bytes, offset: int, length: int) -> None:
        """A part of a file comes next."""
        if self._literal:
            self._flush_literal()
        self._records += _DATA_HEAD.pack(DATA, len(path), offset, length) + path
        self.references += 1

    def _flush_literal(self) -> None:
        records = self._records
        records += _LITERAL_HEAD.pack(LITERAL, len(self._literal))
        records += self._literal
        self._literal.clear()
        if len(records) >= _FLUSH_AT:
            self._write(self._compressor.compress(bytes(records)))
            records.clear()

    def finish(self) -> None:
        """Write what is left."""
        self._flush_literal()
        self._write(self._compressor.compress(bytes(self._records)) + self._compressor.flush())


class Shadow:
    """A replaced path: references number < `before` to it or below it lead to `shadow/<number>`."""

    __slots__ = ("before", "number", "path")

    def __init__(self, path: bytes, before: int, number: int) -> None:
        self.path = path
        self.before = before
        self.number = number


class Reference:
    """A part of a file: `path` relative to the layer's own directory (`diff/...`, `shadow/...`)."""

    __slots__ = ("length", "offset", "path")

    def __init__(self, path: bytes, offset: int, length: int) -> None:
        self.path = path
        self.offset = offset
        self.length = length


class DamagedRecipe(Exception):
    """The recipe's bytes make no sense."""


def read(file: Readable, shadows: Sequence[Shadow]) -> Iterator[bytes | Reference]:
    """The records of a recipe file, in order. Raises DamagedRecipe."""
    stream = _Stream(file)
    number = 0
    while kind := stream.take(1, end=True):
        if kind == LITERAL:
            (size,) = struct.unpack("<I", stream.take(4))
            yield stream.take(size)
        elif kind == DATA:
            size, offset, length = struct.unpack("<HQQ", stream.take(18))
            yield Reference(_resolve(stream.take(size), number, shadows), offset, length)
            number += 1
        else:
            raise DamagedRecipe(f"unknown record {kind!r}")


def _resolve(path: bytes, number: int, shadows: Sequence[Shadow]) -> bytes:
    """Where the referenced file is now; the first move after it was written took it away."""
    for shadow in shadows:
        if number < shadow.before and (path + b"/").startswith(shadow.path + b"/"):
            return b"shadow/%d%s" % (shadow.number, path[len(shadow.path) :])
    return b"diff/" + path


class _Stream:
    """Decompressed bytes in exact portions."""

    def __init__(self, file: Readable) -> None:
        if file.read(len(MAGIC)) != MAGIC:
            raise DamagedRecipe("unknown form or version")
        self._file = file
        self._inflate = zlib.decompressobj()
        self._buffer = bytearray()

    def take(self, size: int, *, end: bool = False) -> bytes:
        """The next `size` bytes; nothing at all at the end where that is allowed."""
        while len(self._buffer) < size:
            if not self._fill():
                if end and not self._buffer:
                    return b""
                raise DamagedRecipe("it ends early")
        portion = bytes(self._buffer[:size])
        del self._buffer[:size]
        return portion

    def _fill(self) -> bool:
        if self._inflate.eof:
            return False
        compressed = self._inflate.unconsumed_tail or self._file.read(_CHUNK)
        try:
            data = self._inflate.decompress(compressed, 1 << 20)
        except zlib.error as error:
            raise DamagedRecipe(str(error)) from error
        self._buffer += data
        return bool(compressed) or bool(data)
