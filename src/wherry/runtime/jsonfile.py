r"""Docker's log file, for those who ship logs from it: one JSON object a line.

    {"log":"text\n","stream":"stdout","time":"2024-05-01T12:00:00.123456789Z"}

Lines over 16 kB are cut into objects of which only the last ends in a newline. When the file is
full it becomes `<file>.1`, the one before `<file>.2` and so on. It is a second copy: the engine
itself reads the raw log beside it.
Source: https://docs.docker.com/engine/logging/drivers/json-file/
"""

from __future__ import annotations

import os
import sys
import time

from wherry.runtime.log import Log
from wherry.runtime.protocol import STDERR, STDOUT

_PIECE = 16 * 1024  # bytes of a line in one object
_NAMES = {STDOUT: "stdout", STDERR: "stderr"}
# What Go's encoder writes in a string: HTML's special characters and the two line separators
# that JavaScript does not take are escaped as well.
_ESCAPES = {
    **{code: f"\\u{code:04x}" for code in (*range(0x20), *map(ord, "<>&"), 0x2028, 0x2029)},
    ord("\n"): "\\n",
    ord("\r"): "\\r",
    ord('"'): '\\"',
    ord("\\"): "\\\\",
}


class JsonFile:
    """One file being written, with what each output has begun and not ended."""

    __slots__ = ("_fd", "_max_files", "_max_size", "_open_lines", "_path", "_size")

    def __init__(self, path: str, max_size: int, max_files: int) -> None:
        self._path = path
        self._max_size = max_size
        self._max_files = max_files
        self._fd = -1
        self._size = 0
        self._open_lines: dict[int, bytes] = {}

    def write(self, stream: int, data: bytes, moment: int) -> None:
        """Write the lines that `data` completes. Raises OSError."""
        *whole, rest = (self._open_lines.get(stream, b"") + data).split(b"\n")
        objects = [
            _object(stream, piece, moment) for line in whole for piece in _pieces(line + b"\n")
        ]
        while len(rest) >= _PIECE:
            objects.append(_object(stream, rest[:_PIECE], moment))
            rest = rest[_PIECE:]
        self._open_lines[stream] = rest
        self._put(objects)

    def finish(self, moment: int) -> None:
        """Write what has no newline and close the file. Raises OSError."""
        left = [(stream, line) for stream, line in self._open_lines.items() if line]
        self._open_lines.clear()
        self._put([_object(stream, line, moment) for stream, line in left])
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _put(self, objects: list[bytes]) -> None:
        batch: list[bytes] = []
        for item in objects:
            if self._size >= self._max_size:
                self._write_out(batch)
                batch = []
                self._rotate()
            batch.append(item)
            self._size += len(item)
        self._write_out(batch)

    def _write_out(self, batch: list[bytes]) -> None:
        if not batch:
            return
        if self._fd < 0:
            self._open(os.O_APPEND)
        view = memoryview(b"".join(batch))
        while view:
            view = view[os.write(self._fd, view) :]

    def _open(self, flag: int) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | flag
        self._fd = os.open(self._path, flags, 0o640)
        self._size += os.fstat(self._fd).st_size

    def _rotate(self) -> None:
        """Move the files one number on; with a single file, begin it anew."""
        if self._fd >= 0:
            os.close(self._fd)
        for number in range(self._max_files - 1, 0, -1):
            older = f"{self._path}.{number - 1}" if number > 1 else self._path
            try:
                os.rename(older, f"{self._path}.{number}")
            except FileNotFoundError:
                pass
        self._size = 0
        self._open(os.O_APPEND | (os.O_TRUNC if self._max_files < 2 else 0))


class CopiedLog(Log):
    """A log whose bytes go into a JsonFile too. Trouble with the copy costs only the copy."""

    __slots__ = ("_copy",)

    def __init__(self, directory: str, max_size: int, max_files: int, copy: JsonFile) -> None:
        super().__init__(directory, max_size, max_files)
        self._copy = copy

    def take_pipe(self, pipe: int, stream: int, limit: int) -> int:
        """See `Log.take_pipe`; the bytes have to be seen here, so nothing is spliced."""
        return self.take(pipe, stream, limit)

    def append(self, stream: int, data: bytes) -> None:
        """See `Log.append`."""
        super().append(stream, data)
        try:
            self._copy.write(stream, data, time.time_ns())
        except OSError as error:
            sys.stderr.write(f"json-file log cannot be written: {error}\n")

    def finish(self) -> None:
        """See `Log.finish`."""
        super().finish()
        try:
            self._copy.finish(time.time_ns())
        except OSError as error:
            sys.stderr.write(f"json-file log cannot be written: {error}\n")


def _pieces(line: bytes) -> list[bytes]:
    if len(line) <= _PIECE:
        return [line]
    return [line[start : start + _PIECE] for start in range(0, len(line), _PIECE)]


def _object(stream: int, data: bytes, moment: int) -> bytes:
    text = data.decode("utf-8", "replace").translate(_ESCAPES)
    return f'{{"log":"{text}","stream":"{_NAMES[stream]}","time":"{_rfc3339(moment)}"}}\n'.encode()


def _rfc3339(moment: int) -> str:
    """Go's RFC3339Nano, which drops the zeros at the end of the fraction."""
    seconds, nanos = divmod(moment, 1_000_000_000)
    fraction = f".{nanos:09d}".rstrip("0").rstrip(".")
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}{fraction}Z"
