"""`cp`: files into containers and out of them, running or not.

A stopped container's lock is held while something is written into it, so that it is not started
with its writable layer mounted elsewhere; readers see a view of their own and hold nothing, and so
they do of a container that runs in a sandbox (runsc).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any, Final

from wherry.engine.containers.export import in_thread
from wherry.engine.copying.jobs import View, running_view, stopped_view
from wherry.engine.copying.process import CopyFailed, Copying
from wherry.engine.threadstreams import ThreadReader
from wherry.engine.values.archives import Archived, Extraction, PathFacts
from wherry.errors import Conflict, Denied, Internal, Invalid, NotFound, Unavailable, WherryError

if TYPE_CHECKING:
    from wherry.engine.containers.foreign.programs import Programs
    from wherry.engine.containers.live import Live
    from wherry.engine.containers.record import Container
    from wherry.engine.containers.roster import Roster
    from wherry.engine.volumes.service import Volumes
    from wherry.storage.snapshot import Snapshotter

    Job = dict[str, Any]


class Copies:
    """Moves archives between clients and containers."""

    def __init__(
        self, roster: Roster, snapshotter: Snapshotter, volumes: Volumes, programs: Programs
    ) -> None:
        self._roster = roster
        self._programs = programs
        self._snapshotter = snapshotter
        self._volumes = volumes

    async def stat(self, live: Live, path: str) -> PathFacts:
        """What is at a path. Raises NotFound, Invalid."""
        copying = await self._begin(live, {"do": "stat", "path": _given(path)})
        try:
            return await asyncio.to_thread(_facts, copying, live.record, path)
        finally:
            await asyncio.to_thread(copying.close)
            await self._leave(live)

    async def read(self, live: Live, path: str) -> Archived:
        """What is at a path, as a tar stream. Raises NotFound, Invalid."""
        copying = await self._begin(live, {"do": "read", "path": _given(path)})
        try:
            facts = await asyncio.to_thread(_facts, copying, live.record, path)
        except BaseException:
            await asyncio.shield(asyncio.to_thread(copying.close))
            await self._leave(live)
            raise
        self._roster.tell(live, "archive-path")
        return Archived(facts, self._stream(live, copying))

    async def _stream(self, live: Live, copying: Copying) -> AsyncIterator[bytes]:
        try:
            async with contextlib.aclosing(in_thread(copying.portions())) as portions:
                async for portion in portions:
                    yield portion
        finally:
            await asyncio.shield(asyncio.to_thread(copying.close))
            await self._leave(live)

    async def write(
        self, live: Live, extraction: Extraction, archive: AsyncIterator[bytes]
    ) -> None:
        """Unpack a tar stream. Raises NotFound, Invalid, Denied, Unavailable."""
        job = {
            "do": "unpack",
            "path": _given(extraction.path),
            "no_overwrite": extraction.no_overwrite,
            "user": live.record.config.user if extraction.as_user else "",
        }
        if _is_up(live.record):
            await self._write(live, job, archive)
            return
        async with live.lock:
            await self._write(live, job, archive)

    async def _write(self, live: Live, job: Job, archive: AsyncIterator[bytes]) -> None:
        reader = ThreadReader(archive, asyncio.get_running_loop(), ahead=True)
        copying = await self._begin(live, job, writable=True)

        def feed() -> None:
            try:
                copying.feed(reader)
                with _explained(live.record, job["path"]):
                    copying.head()
            finally:
                reader.close()
                copying.close()

        try:
            await asyncio.to_thread(feed)
        finally:
            await self._leave(live)
        self._roster.tell(live, "extract-to-dir")

    async def _begin(self, live: Live, job: Job, *, writable: bool = False) -> Copying:
        """A worker that is about to enter the container. Raises Conflict."""
        record = live.record
        if _is_up(record) and self._is_in_a_sandbox(record, writable=writable):
            return await asyncio.to_thread(self._begin_stopped, record, job, writable=False)
        if _is_up(record):
            return await asyncio.to_thread(_begin_running, record, job, fed=writable)
        await self._volumes.enter(record)
        try:
            return await asyncio.to_thread(self._begin_stopped, record, job, writable=writable)
        except BaseException:
            await self._leave(live)
            raise

    def _is_in_a_sandbox(self, record: Container, *, writable: bool) -> bool:
        """Whether its files are only seen from outside of where it runs. Raises Conflict."""
        program = self._programs.find(record.host_config.runtime)
        if program is None or not program.is_sandbox:
            return False
        if writable:
            raise Conflict(
                f"cannot copy into container {record.id} while it runs: the sandbox of "
                f"{program.name} does not see what changes outside of it",
                hint="stop the container first, or send a tar archive through docker exec -i",
            )
        return True

    def _begin_stopped(self, record: Container, job: Job, *, writable: bool) -> Copying:
        view: View = stopped_view(record, self._snapshotter, writable=writable)
        return Copying({**job, "view": view}, (), fed=writable)

    async def _leave(self, live: Live) -> None:
        """Let go of what is mounted behind volumes, unless the container runs."""
        if not _is_up(live.record):
            await self._volumes.leave(live.record)


def _begin_running(record: Container, job: Job, *, fed: bool) -> Copying:
    with running_view(record) as (view, fds):
        return Copying({**job, "view": view}, fds, fed=fed)


def _is_up(record: Container) -> bool:
    return record.state.running and record.state.pid > 0


def _given(path: str) -> str:
    if not path:
        raise Invalid("missing required parameter: path")
    if "\0" in path:
        raise Invalid("a path cannot contain a zero byte")
    return path


def _facts(copying: Copying, record: Container, path: str) -> PathFacts:
    with _explained(record, path):
        head = copying.head()
    return PathFacts(head["name"], head["size"], head["mode"], head["mtime"], head["link"])


@contextlib.contextmanager
def _explained(record: Container, path: str) -> Iterator[None]:
    try:
        yield
    except CopyFailed as failure:
        raise _EXPLAINED.get(failure.kind, _system)(failure, record, path) from None


def _missing(failure: CopyFailed, record: Container, path: str) -> WherryError:
    return NotFound(f"Could not find the file {path} in container {record.name}")


def _no_directory(failure: CopyFailed, record: Container, path: str) -> WherryError:
    return Invalid(failure.text or f"{path}: not a directory")


def _read_only(failure: CopyFailed, record: Container, path: str) -> WherryError:
    beneath = [point.destination for point in record.mounts if _is_in(path, point.destination)]
    if beneath:
        return Denied("mounted volume is marked read-only", hint=f"it is mounted at {beneath[-1]}")
    return Denied("container rootfs is marked read-only")


def _is_in(path: str, target: str) -> bool:
    return f"/{path.strip('/')}/".startswith(target.rstrip("/") + "/")


def _invalid(failure: CopyFailed, record: Container, path: str) -> WherryError:
    return Invalid(failure.text)


def _full(failure: CopyFailed, record: Container, path: str) -> WherryError:
    return Unavailable(f"cannot copy to {path} in container {record.name}: {failure.text}")


def _system(failure: CopyFailed, record: Container, path: str) -> WherryError:
    return Internal(f"cannot copy {path} of container {record.name}: {failure.text}")


_EXPLAINED: Final = {
    "missing": _missing,
    "not a directory": _no_directory,
    "read-only": _read_only,
    "invalid": _invalid,
    "refused": _invalid,
    "full": _full,
}
