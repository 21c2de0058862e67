"""Running the copy worker: a job in, a head and perhaps an archive out."""

from __future__ import annotations

import contextlib
import marshal
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from wherry.errors import Internal

_BOOT: Final = (
    "import sys; sys.path[:] = sys.argv[1].split(':');"
    "from wherry.engine.copying.worker import main; main()"
)
_PIPE_SIZE: Final = 1 << 20
_LENGTH: Final = 4


class CopyFailed(Exception):
    """The worker says what is wrong: one of the kinds of `worker`, and a text for people."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind
        self.text = text


class Copying:
    """One worker at work. `close` ends it in every case; everything here blocks."""

    def __init__(self, job: dict[str, Any], fds: Sequence[int], *, fed: bool = False) -> None:
        paths = ":".join(os.path.abspath(path) for path in sys.path if path)
        self._worker = subprocess.Popen(
            [sys.executable, "-IS", "-c", _BOOT, paths, marshal.dumps(job, 2).hex()],
            stdin=subprocess.PIPE if fed else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            env={},
            cwd="/",
            pass_fds=fds,
            bufsize=0,
            pipesize=_PIPE_SIZE,
        )

    def head(self) -> dict[str, Any]:
        """What the worker tells first. Raises CopyFailed, Internal."""
        length = int.from_bytes(self._exactly(_LENGTH), "little")
        head: dict[str, Any] = marshal.loads(self._exactly(length))
        if "error" in head:
            raise CopyFailed(head["error"], head["text"])
        return head

    def _exactly(self, count: int) -> bytes:
        assert self._worker.stdout is not None
        data = b""
        while len(data) < count:
            more = self._worker.stdout.read(count - len(data))
            if not more:
                raise Internal(f"the copy worker ended with status {self._worker.wait()}")
            data += more
        return data

    def feed(self, portions: Iterable[bytes]) -> None:
        """Give it the archive, to the end, or until it stops reading (its head says why)."""
        assert self._worker.stdin is not None
        try:
            for portion in portions:
                view = memoryview(portion)
                while view:
                    view = view[self._worker.stdin.write(view) :]
        except BrokenPipeError:
            pass
        finally:
            with contextlib.suppress(BrokenPipeError):
                self._worker.stdin.close()

    def portions(self) -> Iterator[bytes]:
        """The archive that follows the head; the worker is ended with the iterator.

        Raises Internal where the worker could not send all of it.
        """
        assert self._worker.stdout is not None
        try:
            while portion := self._worker.stdout.read(_PIPE_SIZE):
                yield portion
            if status := self._worker.wait():
                raise Internal(f"the copy worker ended with status {status}")
        finally:
            self.close()

    def close(self) -> None:
        """Let it go; one that is not done yet is killed."""
        if self._worker.poll() is None:
            self._worker.kill()
        self._worker.wait()
        for pipe in (self._worker.stdin, self._worker.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
