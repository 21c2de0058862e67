"""Files to and from the daemon, with a meter on the terminal while they move."""

from __future__ import annotations

import os
import time

from wherry.cli.failures import Failure
from wherry.cli.output import STDERR, STDOUT, is_terminal, write, write_text
from wherry.cli.units import size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Done = Callable[[int], None]

_PIECE = 1 << 20
_REDRAW_SECONDS = 0.2


class Meter:
    """`Loading image  12.3MB / 45.6MB`, redrawn in place; nothing when stderr is no terminal."""

    __slots__ = ("_drawn", "_label", "_moved", "_shown", "_total")

    def __init__(self, label: str, total: int = 0, *, quiet: bool = False) -> None:
        self._label = label
        self._total = total
        self._moved = 0
        self._drawn = 0.0
        self._shown = not quiet and is_terminal(STDERR)

    def add(self, count: int) -> None:
        """So many more bytes have moved."""
        self._moved += count
        now = time.monotonic()
        if self._shown and now - self._drawn >= _REDRAW_SECONDS:
            self._drawn = now
            total = f" / {size(self._total, 4)}" if self._total else ""
            write_text(STDERR, f"\r\x1b[2K{self._label}  {size(self._moved, 4)}{total}")

    def close(self) -> None:
        """Wipe the line."""
        if self._shown and self._drawn:
            write_text(STDERR, "\r\x1b[2K")


def open_source(path: str) -> tuple[int, int]:
    """A file to send, open, and its size (0 when it is not a plain file). Raises `Failure`."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        facts = os.fstat(fd)
    except OSError as error:
        raise Failure(f"open {path}: {(error.strerror or '').lower()}") from None
    return fd, facts.st_size


def read_pieces(fd: int, meter: Meter) -> Iterator[bytes]:
    """The rest of `fd`, to be sent."""
    while piece := os.read(fd, _PIECE):
        yield piece
        meter.add(len(piece))


def check_target(path: str) -> None:
    """Whether a file can be made there. Raises `Failure`."""
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        text = f"invalid output path: stat {folder}: no such file or directory"
        raise Failure(text)
    if os.path.isdir(path):
        raise Failure(f"invalid output path: {path} is a directory")
    if os.path.exists(path) and not os.path.isfile(path):
        raise Failure(f"invalid output path: {path} is not a regular file")


def receive_to(path: str, pieces: Iterable[bytes], label: str) -> None:
    """Write to `path`, or to stdout when it is "". The file appears only when it is complete."""
    if not path:
        for piece in pieces:
            write(STDOUT, piece)
        return
    meter = Meter(label)
    partial = f"{path}.partial-{os.getpid()}"
    fd = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        for piece in pieces:
            write(fd, piece)
            meter.add(len(piece))
        os.rename(partial, path)
    except BaseException:
        os.unlink(partial)
        raise
    finally:
        os.close(fd)
        meter.close()
