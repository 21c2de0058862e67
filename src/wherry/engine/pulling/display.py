"""What people see of a pull or a push: one line a part, in Docker's words."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import TYPE_CHECKING, Final

from wherry.engine.values.images import Progress
from wherry.spec import digest as digests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import IO

    from wherry.spec.image import Descriptor

    Report = Callable[[Progress], None]

INTERVAL: Final = 0.1
"""Seconds between two lines about one part: more would only cost."""


def short(digest: str) -> str:
    """The part's id, as Docker shows it."""
    return digests.encoded(digest)[:12]


class Transfer:
    """One blob on its way, `verb` as "Downloading"; a `registry.fetch.Watcher`.

    It is told of by its own digest, or by the one that is `shown` instead.
    """

    def __init__(self, report: Report, verb: str, descriptor: Descriptor, shown: str = "") -> None:
        self._report = report
        self._verb = verb
        self._id = short(shown or descriptor.digest)
        self._total = descriptor.size
        self._told = 0.0
        self.done = 0

    def advanced(self, done: int) -> None:
        """So many bytes are there."""
        self.done = done
        now = time.monotonic()
        if now - self._told >= INTERVAL:
            self._told = now
            self._report(Progress(self._verb, self._id, done, self._total))

    def retrying(self, seconds: float, reason: str) -> None:
        """The attempt failed."""
        unit = "second" if round(seconds) == 1 else "seconds"
        self._report(Progress(f"Retrying in {max(round(seconds), 1)} {unit}", self._id))


@contextlib.contextmanager
def reading(report: Report, verb: str, file: IO[bytes], descriptor: Descriptor) -> Iterator[None]:
    """Tell how far a file that another process reads through our descriptor has been read.

    The offset belongs to the open file, not to the process (open(2), "open file description").
    """
    ended = threading.Event()
    id = short(descriptor.digest)

    def watch() -> None:
        while not ended.wait(INTERVAL):
            done = os.lseek(file.fileno(), 0, os.SEEK_CUR)
            report(Progress(verb, id, done, descriptor.size))

    thread = threading.Thread(target=watch, name=f"watch-{id}")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    report(Progress(verb, id, descriptor.size, descriptor.size))
