"""One download: a thread that fills a partial file, and those who wait for it."""

from __future__ import annotations

import errno
import os
import threading
from typing import TYPE_CHECKING, Final

from wherry.errors import Invalid, WherryError
from wherry.registry.cancellation import Cancellation, Cancelled
from wherry.registry.refusals import Temporary
from wherry.registry.retry import PROGRESS, Persistence
from wherry.storage import tree

if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.registry.session import Session
    from wherry.registry.watcher import Watcher
    from wherry.spec.image import Descriptor
    from wherry.storage.content import ContentStore
    from wherry.storage.leases import Lease
    from wherry.storage.partials import Partial, Partials

_BUFFER: Final = 256 << 10
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_MOST_MISFITS: Final = 3  # times that a whole blob with a wrong digest is fetched anew


class Misfit(Invalid):
    """The bytes are not the blob, and it is no use to fetch them again."""


class Slots:
    """So many at once; the others wait their turn."""

    def __init__(self, free: int) -> None:
        self._free = free
        self._changed = threading.Condition()

    def take(self, cancellation: Cancellation) -> None:
        """Wait for a free one. Raises Cancelled."""
        with cancellation.waking(self._wake), self._changed:
            self._changed.wait_for(lambda: self._free or cancellation.cancelled)
            cancellation.check()
            self._free -= 1

    def give_back(self) -> None:
        """Let the next one in."""
        with self._changed:
            self._free += 1
            self._changed.notify()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()


class Download:
    """Runs from `start` until it is complete, fails, or nobody wants it any more."""

    def __init__(
        self, session: Session, repository: str, descriptor: Descriptor, ended: Callable[[], None]
    ) -> None:
        """`ended` is called by the thread when it is about to end."""
        self.session = session
        self._repository = repository
        self._descriptor = descriptor
        self._ended = ended
        self._cancellation = Cancellation()
        self._changed = threading.Condition()
        self._watchers: list[Watcher] = []
        self._over = False
        self._error: BaseException | None = None
        self._done = 0
        self._storing = threading.Lock()
        self._thread: threading.Thread | None = None

    # For those who want it

    def start(self, partials: Partials, slots: Slots) -> None:
        """Begin, in a thread."""
        self._thread = threading.Thread(
            target=self._run, args=(partials, slots), name=f"fetch {self._descriptor.digest[:19]}"
        )
        self._thread.start()

    def add(self, watcher: Watcher) -> bool:
        """Wait with the others; whether that has a prospect: not after failure or cancel."""
        with self._changed:
            if self._error is not None or self._cancellation.cancelled:
                return False
            self._watchers.append(watcher)
            done = self._done
        watcher.advanced(done)
        return True

    def remove(self, watcher: Watcher) -> bool:
        """Wait no longer. The last one to go ends the download; returns whether it is over."""
        with self._changed:
            self._watchers.remove(watcher)
            wanted, over = bool(self._watchers), self._over
        if not wanted and not over:
            self._cancellation.cancel()
        return over and not wanted

    @property
    def is_wanted(self) -> bool:
        """Whether anybody waits for it, or is about to store it."""
        with self._changed:
            return bool(self._watchers)

    def wait(self, wish: Cancellation) -> None:
        """Until it is complete. Raises why it failed, or Cancelled by the caller's wish."""
        with wish.waking(self._wake), self._changed:
            self._changed.wait_for(lambda: self._over or wish.cancelled)
            if self._error is not None:
                raise self._error
        wish.check()

    def store(self, content: ContentStore, lease: Lease) -> None:
        """Make the complete file a blob, held by the caller's lease, unless another did.

        The file keeps its link until a record owns the blob (`storage.partials`).
        """
        digest = self._descriptor.digest
        with self._storing:
            if content.has(digest):
                return
            place = os.path.join(content.spool(), "blob")
            try:
                os.link(content.partials.path(digest), place)
                content.accept(place, digest, self._descriptor.size, lease)
            finally:
                tree.remove(os.path.dirname(place))

    def cancel(self) -> None:
        """End it for everybody; its bytes stay."""
        self._cancellation.cancel()

    def join(self) -> None:
        """Wait for the thread's end."""
        if self._thread is not None:
            self._thread.join()

    # The thread

    def _run(self, partials: Partials, slots: Slots) -> None:
        error: BaseException | None = None
        try:
            slots.take(self._cancellation)
            try:
                with partials.open(self._descriptor.digest) as partial:
                    self._fill(partial)
            finally:
                slots.give_back()
        except (WherryError, OSError, Cancelled) as caught:
            error = caught
        with self._changed:
            self._over, self._error = True, error
            self._changed.notify_all()
        self._ended()

    def _fill(self, partial: Partial) -> None:
        try:
            Filling(self.session, self._repository, self._descriptor, partial).run(
                self._advance, self._retry, self._cancellation
            )
        except OSError as error:
            if error.errno in _FULL:
                partial.remove()  # a full disk is no place to wait for another attempt
            raise

    def _advance(self, done: int) -> None:
        self._done = done
        for watcher in self._present():
            watcher.advanced(done)

    def _retry(self, seconds: float, reason: str) -> None:
        for watcher in self._present():
            watcher.retrying(seconds, reason)

    def _present(self) -> list[Watcher]:
        with self._changed:
            return list(self._watchers)

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()


class Filling:
    """Gets one blob into its partial file, from mirrors and registry, over several attempts."""

    def __init__(
        self, session: Session, repository: str, descriptor: Descriptor, partial: Partial
    ) -> None:
        self._session = session
        self._repository = repository
        self._descriptor = descriptor
        self._partial = partial
        self._sources: set[str] = set()  # of the bytes that are there now
        self._bad: set[str] = set()  # mirrors to pass over
        self._pieces = 1 if partial.size else 0
        self._misfits = 0
        self._furthest = partial.size
        self._what = f"blob {descriptor.digest} of {repository}"

    def run(
        self,
        advanced: Callable[[int], None],
        retrying: Callable[[float, str], None],
        cancellation: Cancellation,
    ) -> None:
        """Until the bytes are there and fit. Raises Invalid, and what `Session.blob` raises."""
        persistence = Persistence(self._session.backoff, cancellation, retrying)
        if self._partial.size > self._descriptor.size:
            self._begin_anew()
        advanced(self._partial.size)
        while True:
            before = self._furthest
            try:
                if self._partial.size < self._descriptor.size:
                    self._attempt(advanced, cancellation)
                if self._fits():
                    return
            except Temporary as error:
                progressed = self._furthest >= before + PROGRESS
                persistence.failed(error, progressed=progressed)
            except Misfit:
                raise
            except Invalid:
                if self._pieces == 0 or self._misfits:
                    raise  # it was answered so without anything of an earlier attempt
                self._misfits += 1
                self._begin_anew()

    def _attempt(self, advanced: Callable[[int], None], cancellation: Cancellation) -> None:
        partial = self._partial
        stream = self._session.blob(
            self._repository,
            self._descriptor,
            partial.size,
            avoid=self._bad,
            cancellation=cancellation,
        )
        self._sources.add(stream.source)
        self._pieces += 1
        superfluous = partial.size - stream.offset  # of a registry that knows no Range
        buffer = memoryview(bytearray(_BUFFER))
        try:
            while count := stream.readinto(buffer):
                skipped = min(superfluous, count)
                superfluous -= skipped
                self._append(buffer[skipped:count])
                advanced(partial.size)
                cancellation.check()
        finally:
            stream.close()
            self._furthest = max(self._furthest, partial.size)
        if partial.size < self._descriptor.size:
            raise Temporary(f"{self._what}: {partial.size} of {self._descriptor.size} bytes came")

    def _append(self, data: memoryview) -> None:
        if self._partial.size + len(data) > self._descriptor.size:
            self._begin_anew()
            raise Invalid(
                f"{self._what}: the registry sends more than the"
                f" {self._descriptor.size} bytes that the manifest says"
            )
        self._partial.write(data)

    def _fits(self) -> bool:
        """Whether the digest is right. If not, begin anew where that may help, else Invalid."""
        found = self._partial.digest
        if found == self._descriptor.digest:
            return True
        own = self._session.registry_name
        mirrors = self._sources - {own}
        whole = self._pieces == 1
        self._begin_anew()
        self._bad |= mirrors
        self._misfits += 1
        if (whole and not mirrors) or self._misfits >= _MOST_MISFITS:
            raise Misfit(f"{self._what}: digest does not fit, the bytes have {found}")
        return False

    def _begin_anew(self) -> None:
        self._partial.reset()
        self._sources.clear()
        self._pieces = 0
