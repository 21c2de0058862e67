"""Reading a bounded log's files: chunks from an offset on, backwards, and by time.

The format stands in `wherry.runtime.protocol`. The log may be growing, and its oldest files may
vanish at any moment unless a follower holds them: then reading goes on at the oldest that is left.
All of this reads the page cache, as a rule, and blocks as files do.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from wherry.engine.containers.runtime import Chunk
from wherry.runtime.protocol import (
    DATA_SUFFIX,
    INDEX_SUFFIX,
    RECORD,
    log_name,
    log_offsets,
)

BATCH = 256 * 1024  # bytes that one `read` gives, about
_RECORDS = 512  # records read at once
Record = tuple[int, int, int, int]  # offset, time, length, stream


class LogFile:
    """One open pair of files; `begin` is the offset of its first byte."""

    def __init__(self, directory: str, begin: int) -> None:
        """Open it. Raises FileNotFoundError when it was dropped."""
        self.begin = begin
        flags = os.O_RDONLY | os.O_CLOEXEC
        self._index = os.open(f"{directory}/{log_name(begin, INDEX_SUFFIX)}", flags)
        try:
            self._data = os.open(f"{directory}/{log_name(begin, DATA_SUFFIX)}", flags)
        except OSError:
            os.close(self._index)
            raise

    def close(self) -> None:
        """Close both."""
        os.close(self._index)
        os.close(self._data)

    def __len__(self) -> int:
        """How many records there are now."""
        return os.fstat(self._index).st_size // RECORD.size

    def records(self, number: int, count: int = _RECORDS) -> list[Record]:
        """At most `count` records from the `number`-th on."""
        raw = os.pread(self._index, count * RECORD.size, number * RECORD.size)
        whole = len(raw) // RECORD.size * RECORD.size
        return list(RECORD.iter_unpack(raw[:whole]))

    def find(self, offset: int) -> int:
        """The number of the record that holds the byte at `offset`, or would be the next."""
        return self._search(lambda record: record[0] + record[2] <= offset)

    def find_time(self, time: int) -> int:
        """The number of the first record of that time or later."""
        return self._search(lambda record: record[1] < time)

    def _search(self, before: Callable[[Record], bool]) -> int:
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if before(self.records(middle, 1)[0]):
                low = middle + 1
            else:
                high = middle
        return low

    def data(self, offset: int, length: int) -> bytes:
        """Bytes at an offset of the log."""
        return os.pread(self._data, length, offset - self.begin)


class LogReader:
    """A position in a log directory, kept from one `read` to the next."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._file: LogFile | None = None
        self._number = 0  # of the next record in _file
        self._next = -1  # the offset that _number was worked out for

    def __enter__(self) -> LogReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the files. Idempotent."""
        if self._file is not None:
            self._file.close()
        self._file, self._next = None, -1

    def begin(self) -> int:
        """The offset of the oldest byte that is kept, 0 when there is no log."""
        offsets = log_offsets(self._directory)
        return offsets[0] if offsets else 0

    def end(self) -> int:
        """The offset behind the last byte that has its record."""
        for begin in reversed(log_offsets(self._directory)):
            with _opened(self._directory, begin) as file:
                if file and (count := len(file)):
                    offset, _, length, _ = file.records(count - 1, 1)[0]
                    return offset + length
                if file:
                    return begin
        return 0

    def read(self, offset: int, end: int, limit: int = BATCH) -> list[Chunk]:
        """Chunks from `offset` up to `end`, about `limit` bytes of them; empty at the end.

        A chunk may begin behind `offset`, when what was there was dropped.
        """
        while offset < end:
            if not self._seek(offset):
                return []
            if chunks := self._take(offset, end, limit):
                return chunks
            following = self._following_file()
            if following is None or following >= end:
                return []
            self.close()
            offset = max(offset, following)
        return []

    def backwards(self, offset: int) -> Iterator[Chunk]:
        """Chunks before `offset`, the newest first; the first is cut off at `offset`."""
        begins = [begin for begin in log_offsets(self._directory) if begin < offset]
        for begin in reversed(begins):
            with _opened(self._directory, begin) as file:
                if file is None:
                    return
                yield from _backwards(file, offset)

    def find_time(self, time: int) -> int:
        """The offset of the first byte that arrived at `time` or later; the end when none did."""
        for begin in log_offsets(self._directory):
            with _opened(self._directory, begin) as file:
                if file is None:
                    continue
                if (number := file.find_time(time)) < len(file):
                    return file.records(number, 1)[0][0]
        return self.end()

    def _seek(self, offset: int) -> bool:
        """Have the file open that holds `offset`, or the oldest; False when there is none."""
        if self._file is not None and offset == self._next:
            return True
        self.close()
        begins = log_offsets(self._directory)
        while begins:
            holding = max((begin for begin in begins if begin <= offset), default=begins[0])
            try:
                self._file = LogFile(self._directory, holding)
            except FileNotFoundError:
                begins = [begin for begin in log_offsets(self._directory) if begin > holding]
                continue
            self._number = self._file.find(offset)
            self._next = offset
            return True
        return False

    def _take(self, offset: int, end: int, limit: int) -> list[Chunk]:
        assert self._file is not None
        wanted: list[Record] = []
        size = 0
        for record in self._file.records(self._number):
            if record[0] >= end or size >= limit:
                break
            wanted.append(record)
            size += record[2]
        if not wanted:
            return []
        chunks = _chunks(self._file, wanted, max(offset, wanted[0][0]), end)
        self._next = chunks[-1].end
        last_whole = wanted[-1][0] + wanted[-1][2] == self._next
        self._number += len(wanted) if last_whole else len(wanted) - 1
        return chunks

    def _following_file(self) -> int | None:
        assert self._file is not None
        begin = self._file.begin
        return min((other for other in log_offsets(self._directory) if other > begin), default=None)


@contextmanager
def _opened(directory: str, begin: int) -> Iterator[LogFile | None]:
    """A file of the log for a while, or None when it was dropped."""
    try:
        file = LogFile(directory, begin)
    except FileNotFoundError:
        yield None
        return
    try:
        yield file
    finally:
        file.close()


def _chunks(file: LogFile, records: list[Record], start: int, end: int) -> list[Chunk]:
    """The records' bytes from `start` to `end`, by one read."""
    last = records[-1]
    data = file.data(start, min(last[0] + last[2], end) - start)
    chunks = []
    for offset, time, length, stream in records:
        low, high = max(offset, start), min(offset + length, end)
        chunks.append(Chunk(stream, low, time, data[low - start : high - start]))
    return chunks


def _backwards(file: LogFile, offset: int) -> Iterator[Chunk]:
    number = file.find(offset)
    if number < len(file) and file.records(number, 1)[0][0] < offset:
        number += 1
    while number > 0:
        first = max(0, number - _RECORDS // 8)
        records = file.records(first, number - first)
        for record in reversed(records):
            yield from _chunks(file, [record], record[0], offset)
        number = first
