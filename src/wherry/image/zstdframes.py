"""Where zstd frames end, read from their headers only (RFC 8878, 3.1).

The zstandard library's reader takes the end of its input for the end of the stream, wherever it
comes. This notes, block by block and without decoding, whether the last frame was complete. Slim.
"""

from __future__ import annotations

_SKIPPABLE = 0x184D2A50
_DICTIONARY_BYTES = (0, 1, 2, 4)
_CONTENT_SIZE_BYTES = (0, 2, 4, 8)
_CHECKSUM_BYTES = 4
_RLE = 1

_MAGIC, _SKIPPABLE_SIZE, _DESCRIPTOR, _BLOCK = range(4)
_HEADER_BYTES = (4, 4, 1, 3)


class FrameTracker:
    """Fed with a stream's bytes in portions of any size; see `complete`."""

    __slots__ = ("_checksum", "_header", "_skip", "_state")

    def __init__(self) -> None:
        self._state = _MAGIC
        self._header = b""
        self._skip = 0
        self._checksum = False

    @property
    def complete(self) -> bool:
        """Whether the stream may end here: between two frames."""
        return self._state == _MAGIC and not self._header and not self._skip

    def feed(self, data: bytes) -> None:
        """The next bytes of the stream."""
        position = 0
        while position < len(data):
            if self._skip:
                step = min(self._skip, len(data) - position)
                self._skip -= step
                position += step
                continue
            wanted = _HEADER_BYTES[self._state] - len(self._header)
            self._header += data[position : position + wanted]
            position += wanted
            if len(self._header) == _HEADER_BYTES[self._state]:
                value = int.from_bytes(self._header, "little")
                self._header = b""
                _STEPS[self._state](self, value)

    def magic(self, value: int) -> None:
        """A frame begins; what is none is left to the decoder to complain about."""
        self._state = _SKIPPABLE_SIZE if value & 0xFFFFFFF0 == _SKIPPABLE else _DESCRIPTOR

    def skippable_size(self, value: int) -> None:
        """User data of that length."""
        self._skip = value
        self._state = _MAGIC

    def descriptor(self, value: int) -> None:
        """Frame header descriptor: which fields follow before the first block."""
        single_segment = bool(value & 0x20)
        content_size = _CONTENT_SIZE_BYTES[value >> 6] or (1 if single_segment else 0)
        window = 0 if single_segment else 1
        self._checksum = bool(value & 0x04)
        self._skip = window + _DICTIONARY_BYTES[value & 3] + content_size
        self._state = _BLOCK

    def block(self, value: int) -> None:
        """Block header: last block, type, size. An RLE block stores one byte."""
        self._skip = 1 if value >> 1 & 3 == _RLE else value >> 3
        if value & 1:
            self._skip += _CHECKSUM_BYTES if self._checksum else 0
            self._state = _MAGIC


_STEPS = (
    FrameTracker.magic,
    FrameTracker.skippable_size,
    FrameTracker.descriptor,
    FrameTracker.block,
)
