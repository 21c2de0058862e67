"""Blobs to a registry: only what it lacks, mounted where possible, resumed where broken off."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from wherry.errors import Denied, Invalid, NotFound
from wherry.registry.exchange import Body
from wherry.registry.refusals import Temporary, TooLarge
from wherry.registry.retry import PROGRESS, Persistence

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from wherry.registry.session import Session
    from wherry.registry.uploads import Upload
    from wherry.registry.watcher import Watcher
    from wherry.spec.image import Descriptor

WHOLE: Final = 1 << 20  # bytes up to which a blob goes in the request that commits it
CHUNK_AFTER_413: Final = 16 << 20  # bytes: below the limits that proxies have by default
_MOST_SOURCES: Final = 4  # repositories that a mount is tried from


class Outcome(Enum):
    """How a blob got into the repository."""

    EXISTED = "exists"
    MOUNTED = "mounted"
    PUSHED = "pushed"
    FOREIGN = "foreign"
    """A foreign (non-distributable) layer: its bytes are not sent."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """What became of one blob; `source` is the repository that it was mounted from."""

    outcome: Outcome
    source: str = ""


def push_blob(
    session: Session,
    repository: str,
    descriptor: Descriptor,
    open_blob: Callable[[], BinaryIO],
    watcher: Watcher,
    *,
    sources: Sequence[str] = (),
) -> Pushed:
    """Have the blob in the registry's repository; blocks.

    `open_blob` gives the bytes from the beginning, seekable, and is called only when they have to
    be sent. `sources` are repositories of the same registry that may have the blob already.
    Raises what `Session` raises.
    """
    if descriptor.is_foreign:
        return Pushed(Outcome.FOREIGN)
    if session.has_blob(repository, descriptor.digest):
        return Pushed(Outcome.EXISTED)
    for source in [name for name in sources if name != repository][:_MOST_SOURCES]:
        if _mount(session, repository, descriptor.digest, source):
            return Pushed(Outcome.MOUNTED, source)
    _Sending(session, repository, descriptor, open_blob, watcher).run()
    return Pushed(Outcome.PUSHED)


def _mount(session: Session, repository: str, digest: str, source: str) -> bool:
    try:
        upload = session.start_upload(repository, digest, source)
    except (Denied, NotFound, Invalid):  # no right to read the source is no reason to fail
        return False
    if upload is not None:
        upload.abandon()
    return upload is None


class _Sending:
    """One blob on its way; begins anew where the registry has forgotten the upload."""

    def __init__(
        self,
        session: Session,
        repository: str,
        descriptor: Descriptor,
        open_blob: Callable[[], BinaryIO],
        watcher: Watcher,
    ) -> None:
        self._session = session
        self._repository = repository
        self._descriptor = descriptor
        self._open = open_blob
        self._watcher = watcher
        self._chunk = descriptor.size
        self._furthest = 0
        self._persistence = Persistence(session.backoff, session.cancellation, watcher.retrying)

    def run(self) -> None:
        """Until the registry has the blob."""
        upload: Upload | None = None
        while True:
            before = self._furthest
            try:
                upload = upload or self._start()
                self._send(upload)
                return
            except TooLarge:
                if self._chunk <= CHUNK_AFTER_413:
                    raise
                self._chunk = CHUNK_AFTER_413
            except Temporary as error:
                progressed = self._furthest >= before + PROGRESS
                self._persistence.failed(error, progressed=progressed)
            if self._session.has_blob(self._repository, self._descriptor.digest):
                return  # only the answer was lost
            upload = upload if upload and upload.ask() else None

    def _start(self) -> Upload:
        upload = self._session.start_upload(self._repository)
        if upload is None:
            raise Invalid(f"push to {self._repository}: the registry mounts what it was not asked")
        return upload

    def _send(self, upload: Upload) -> None:
        size, digest = self._descriptor.size, self._descriptor.digest
        if upload.offset == 0 and size <= min(WHOLE, self._chunk):
            upload.commit(digest, self._body(0, size))
            return
        while upload.offset < size:
            begin = upload.offset
            count = min(max(self._chunk, upload.least_chunk), size - begin)
            upload.append(self._body(begin, count))
            if not begin < upload.offset <= size:
                raise Invalid(
                    f"push to {self._repository}: the registry says that it has {upload.offset}"
                    f" bytes, after {begin + count} of {size} were sent"
                )
            self._furthest = max(self._furthest, upload.offset)
        upload.commit(digest)

    def _body(self, offset: int, count: int) -> Body:
        def opened() -> BinaryIO:
            file = self._open()
            file.seek(offset)
            return cast(BinaryIO, _Watched(file, offset, self._watcher.advanced))

        return Body(opened, count)


class _Watched:
    """The file that is sent; tells how far it was read."""

    def __init__(self, file: BinaryIO, offset: int, told: Callable[[int], None]) -> None:
        self._file = file
        self._offset = offset
        self._told = told

    def read(self, count: int) -> bytes:
        """The next bytes, at most so many."""
        data = self._file.read(count)
        self._offset += len(data)
        self._told(self._offset)
        return data

    def __enter__(self) -> _Watched:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
