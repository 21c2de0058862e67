"""The keeper's log: raw bytes and an index, bounded, in files that are dropped from the oldest.

The format stands in `wherry.runtime.protocol` (RECORD); it is read by
`wherry.engine.containers.logs`. Nothing is parsed here: bytes go from the pipe to the file inside
the kernel (splice), and one record tells when and from which output they came. A log of small
bounds in the exec root serves as the spool of an exec, and of a container without a log.
"""

from __future__ import annotations

import errno
import os
import time

from wherry.runtime.protocol import (
    DATA_SUFFIX,
    INDEX_SUFFIX,
    RECORD,
    STDOUT,
    log_name,
    log_offsets,
)

SPOOL_SIZE, SPOOL_FILES = 1 << 20, 4

_SMALLEST = 4096  # bytes of a file: below that, rotating would be all that is done

_CREATE = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
_SPLICE_FLAGS = 0x01 | 0x02  # SPLICE_F_MOVE | SPLICE_F_NONBLOCK, splice(2)


class Log:
    """One log being written. Nothing exists on disk before the first byte.

    `offsets` are where its files begin, `end` the offset behind the last byte. `max_size` bounds
    one file together with its index, so that output in tiny pieces stays bounded too.
    """

    __slots__ = (
        "_data",
        "_held",
        "_index",
        "_index_size",
        "directory",
        "end",
        "max_files",
        "max_size",
        "offsets",
    )

    def __init__(self, directory: str, max_size: int, max_files: int) -> None:
        self.directory = directory
        self.max_size = max(max_size, _SMALLEST)
        self.max_files = max(max_files, 1)
        self._data = self._index = -1
        self._index_size = 0
        self._held: tuple[int, bytes] | None = None
        self.offsets = log_offsets(directory)
        self.end = self._recover() if self.offsets else 0

    @property
    def begin(self) -> int:
        """The offset of the oldest byte that is kept."""
        return self.offsets[0] if self.offsets else self.end

    def dropped_by_writing(self) -> int:
        """Up to which offset bytes would be dropped by writing one more; `begin` when none."""
        if self._room() > 0 or len(self.offsets) < self.max_files:
            return self.begin
        return self.offsets[1] if len(self.offsets) > 1 else self.end

    def take_pipe(self, pipe: int, stream: int, limit: int) -> int:
        """Move at most `limit` bytes out of a non-blocking pipe; the number moved, 0 at its end.

        Raises BlockingIOError when the pipe is empty, OSError (ENOSPC, EIO, ...) when the log
        cannot be written: nothing is lost, the next call or `flush` goes on.
        """
        if self._data < 0 or self._held is not None:  # open nothing before there is a byte
            return self.take(pipe, stream, limit)
        if self._room() <= 0:
            self._rotate()
        count = min(limit, self._room())
        position = self.end - self.offsets[-1]
        try:
            moved = os.splice(pipe, self._data, count, offset_dst=position, flags=_SPLICE_FLAGS)
        except OSError as error:
            if error.errno != errno.EINVAL:  # a file system without splice_write
                raise
            return self.take(pipe, stream, limit)
        if moved:
            self._record(stream, moved)
        return moved

    def take(self, fd: int, stream: int, limit: int) -> int:
        """Like `take_pipe`, for what splice(2) does not read from (a terminal)."""
        self.flush()
        data = os.read(fd, limit)
        if data:
            self._held = (stream, data)
            self.flush()
        return len(data)

    def flush(self) -> None:
        """Write what was read while the log could not be written. Raises OSError."""
        if self._held is not None:
            self.append(*self._held)
            self._held = None

    def append(self, stream: int, data: bytes) -> None:
        """Write `data`, all of it in one file. Raises OSError."""
        self._make_room()
        position = self.end - self.offsets[-1]
        view = memoryview(data)
        while view:
            written = os.pwrite(self._data, view, position)
            view = view[written:]
            position += written
        self._record(stream, len(data))

    def close(self) -> None:
        """Close the files; the next byte opens them again. Idempotent."""
        for fd in (self._data, self._index):
            if fd >= 0:
                os.close(fd)
        self._data = self._index = -1

    def finish(self) -> None:
        """Close it: the output has ended."""
        self.close()

    def remove(self) -> None:
        """Close and delete it, the directory too (a spool's end)."""
        self.close()
        if not self.offsets:
            return
        for offset in self.offsets:
            self._unlink(offset)
        self.offsets = []
        os.rmdir(self.directory)

    def descriptors(self) -> tuple[int, int]:
        """The open files (data, index), -1 when closed: what an upgrade by execve must keep."""
        return self._data, self._index

    def _room(self) -> int:
        """How many bytes fit into the newest file."""
        if not self.offsets:
            return 0
        used = self.end - self.offsets[-1] + self._index_size
        return self.max_size - used - RECORD.size

    def _make_room(self) -> None:
        if self._room() <= 0:
            self._rotate()
        elif self._data < 0:
            self._open(self.offsets[-1])

    def _rotate(self) -> None:
        self.close()
        if not self.offsets:
            os.makedirs(self.directory, 0o710, exist_ok=True)
        self._open(self.end)
        self._index_size = 0
        self.offsets.append(self.end)
        while len(self.offsets) > self.max_files:
            self._unlink(self.offsets.pop(0))

    def _open(self, offset: int) -> None:
        self._data = os.open(self._path(offset, DATA_SUFFIX), _CREATE, 0o640)
        try:
            self._index = os.open(self._path(offset, INDEX_SUFFIX), _CREATE, 0o640)
        except OSError:
            self.close()
            raise

    def _record(self, stream: int, length: int) -> None:
        record = RECORD.pack(self.end, time.time_ns(), length, stream)
        self.end += length
        os.pwrite(self._index, record, self._index_size)
        self._index_size += RECORD.size

    def _recover(self) -> int:
        """Make the newest pair of files fit each other again; where the log ends.

        A keeper that was killed may have left data without its record, a machine that lost power
        a record without its data.
        """
        newest = self.offsets[-1]
        self._open(newest)
        try:
            size = os.fstat(self._data).st_size
            self._index_size = os.fstat(self._index).st_size // RECORD.size * RECORD.size
            self.end = self._drop_records_behind(newest + size)
            os.ftruncate(self._index, self._index_size)
            if (lost := newest + size - self.end) > 0:
                self._record(STDOUT, lost)
        finally:
            self.close()
        return self.end

    def _drop_records_behind(self, limit: int) -> int:
        """Forget records that reach behind `limit`; where the last one that stays ends."""
        while self._index_size:
            raw = os.pread(self._index, RECORD.size, self._index_size - RECORD.size)
            offset, _, length, _ = RECORD.unpack(raw)
            if offset + length <= limit:
                return int(offset + length)
            self._index_size -= RECORD.size
        return self.offsets[-1]

    def _unlink(self, offset: int) -> None:
        for suffix in (DATA_SUFFIX, INDEX_SUFFIX):
            try:
                os.unlink(self._path(offset, suffix))
            except FileNotFoundError:
                pass

    def _path(self, offset: int, suffix: str) -> str:
        return f"{self.directory}/{log_name(offset, suffix)}"
