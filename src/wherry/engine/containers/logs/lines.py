"""From chunks to lines, for each output by itself."""

from __future__ import annotations

from collections.abc import Mapping

from wherry.engine.containers.logs.query import Line
from wherry.engine.containers.runtime import Chunk

PIECE = 1 << 20  # bytes of a line that are put together before they are given out


class _Output:
    """What is known of one output: the beginning of a line that has no end yet."""

    __slots__ = ("continued", "pending", "time")

    def __init__(self) -> None:
        self.pending = bytearray()
        self.time = 0
        self.continued = False


class LineAssembler:
    """Puts lines together; `heads` says for each wanted output at which offset its lines begin.

    Chunks of other outputs, and what lies before an output's head, are passed over.
    """

    def __init__(self, heads: Mapping[int, int]) -> None:
        self._heads = heads
        self._outputs = {stream: _Output() for stream in heads}

    def feed(self, chunk: Chunk) -> list[Line]:
        """The lines that `chunk` completes, and pieces of very long ones."""
        output = self._outputs.get(chunk.stream)
        head = self._heads.get(chunk.stream, chunk.end)
        if output is None or chunk.end <= head:
            return []
        data = chunk.data[max(head - chunk.offset, 0) :]
        *whole, rest = data.split(b"\n")
        lines = [self._complete(output, chunk, part) for part in whole]
        output.pending += rest
        output.time = chunk.time
        if len(output.pending) >= PIECE:
            lines.append(self._piece(output, chunk.stream))
        return lines

    def flush(self) -> list[Line]:
        """What is left without a newline, when nothing more will come."""
        return [
            self._piece(output, stream)
            for stream, output in self._outputs.items()
            if output.pending
        ]

    def _complete(self, output: _Output, chunk: Chunk, part: bytes) -> Line:
        data = bytes(output.pending) + part + b"\n" if output.pending else part + b"\n"
        line = Line(chunk.stream, chunk.time, data, output.continued)
        output.pending.clear()
        output.continued = False
        return line

    def _piece(self, output: _Output, stream: int) -> Line:
        line = Line(stream, output.time, bytes(output.pending), output.continued)
        output.pending.clear()
        output.continued = True
        return line
