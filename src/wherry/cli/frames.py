"""The API's framing of stdout and stderr on one stream: an 8-byte head before each piece.

Head: stream (0 stdin, 1 stdout, 2 stderr, 3 error of the daemon), three zero bytes, length as a
big-endian 32-bit number (API definition, "Stream format" of ContainerAttach).
"""

from __future__ import annotations

from wherry.cli.failures import Failure
from wherry.cli.output import STDERR, STDOUT, write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Write = Callable[[int, bytes], None]

_HEAD = 8
_TARGETS = {0: STDOUT, 1: STDOUT, 2: STDERR}
_DAEMON_ERROR = 3


class FrameSplitter:
    """Takes the stream in pieces of any size and writes payloads to where they belong.

    Payloads are passed on as they arrive, not held until their frame is complete.
    """

    __slots__ = ("_head", "_left", "_target", "_write")

    def __init__(self, write: Write = write) -> None:
        self._write = write
        self._head = b""
        self._left = 0
        self._target = STDOUT

    def feed(self, data: bytes) -> None:
        """Split and write. Neighbouring payloads for one descriptor become one write."""
        position = 0
        ready: list[bytes] = []
        while position < len(data):
            if self._left:
                payload = data[position : position + self._left]
                position += len(payload)
                self._left -= len(payload)
                ready.append(payload)
                continue
            taken = data[position : position + _HEAD - len(self._head)]
            position += len(taken)
            self._head += taken
            if len(self._head) == _HEAD:
                ready = self._next_frame(ready)
        self._flush(ready)

    def _next_frame(self, ready: list[bytes]) -> list[bytes]:
        stream, self._left = self._head[0], int.from_bytes(self._head[4:], "big")
        self._head = b""
        target = _TARGETS.get(stream, STDERR)
        if stream > _DAEMON_ERROR:
            raise Failure(f"Unrecognized input header: {stream}")
        if target != self._target:
            self._flush(ready)
            ready = []
            self._target = target
        return ready

    def _flush(self, ready: list[bytes]) -> None:
        if ready:
            self._write(self._target, b"".join(ready))


class PlainOutput:
    """A terminal's stream, which has no frames."""

    __slots__ = ("_write",)

    def __init__(self, write: Write = write) -> None:
        self._write = write

    def feed(self, data: bytes) -> None:
        """Write to stdout."""
        self._write(STDOUT, data)
