"""`export`: a container's whole file system as a tar stream, read from its layers without a mount.

Works while the container runs: what changes meanwhile is shown as it was when it was reached, as
with any backup of a live file system. Headers are pax (POSIX.1-2001), written by the standard
library.
"""

from __future__ import annotations

import asyncio
import os
import stat
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import tarfile

    from wherry.storage.merged import MergedTree, Node

BLOCK: Final = 512
CHUNK: Final = 256 * 1024
END: Final = bytes(2 * BLOCK)
PAX_FORMAT: Final = 2
_IN_FLIGHT: Final = 4


def archive(tree: MergedTree) -> Iterator[bytes]:
    """The tree as tar, in pieces. Raises OSError."""
    links: dict[tuple[int, int], str] = {}
    with tree:
        for node in tree.walk():
            yield from _member(node, links)
    yield END


def _member(node: Node, links: dict[tuple[int, int], str]) -> Iterator[bytes]:
    state = node.state
    if stat.S_ISSOCK(state.st_mode):
        return  # tar has no form for a socket; dockerd leaves them out as well
    info = _info(node)
    key = (state.st_dev, state.st_ino)
    if state.st_nlink > 1 and not node.is_directory:
        if key in links:
            info.type, info.linkname, info.size = b"1", links[key], 0
        links.setdefault(key, node.path)
    if info.type == b"0":
        yield from _file(node, info)
    else:
        yield _header(info)


def _info(node: Node) -> tarfile.TarInfo:
    import tarfile

    state = node.state
    info = tarfile.TarInfo(node.path + "/" if node.is_directory else node.path)
    info.mode = stat.S_IMODE(state.st_mode)
    info.uid, info.gid = state.st_uid, state.st_gid
    info.mtime = int(state.st_mtime)
    info.type = _type(state.st_mode)
    if info.type == b"2":
        info.linkname = node.link_target()
    if info.type in (b"3", b"4"):
        info.devmajor, info.devminor = os.major(state.st_rdev), os.minor(state.st_rdev)
    info.pax_headers = {
        f"SCHILY.xattr.{name}": value.decode("utf-8", "surrogateescape")
        for name, value in node.xattrs().items()
    }
    return info


def _type(mode: int) -> bytes:
    """The tar type flag (POSIX.1-2001, ustar)."""
    table = (
        (stat.S_ISDIR, b"5"),
        (stat.S_ISLNK, b"2"),
        (stat.S_ISCHR, b"3"),
        (stat.S_ISBLK, b"4"),
        (stat.S_ISFIFO, b"6"),
    )
    return next((flag for is_kind, flag in table if is_kind(mode)), b"0")


def _header(info: tarfile.TarInfo) -> bytes:
    return info.tobuf(PAX_FORMAT, encoding="utf-8", errors="surrogateescape")


def _file(node: Node, info: tarfile.TarInfo) -> Iterator[bytes]:
    """Header and content; a file that shrinks meanwhile is filled up, one that grows is cut."""
    fd = node.open()
    try:
        info.size = os.fstat(fd).st_size
        yield _header(info)
        left = info.size
        while left:
            data = os.read(fd, min(CHUNK, left)) or bytes(min(CHUNK, left))
            left -= len(data)
            yield data
    finally:
        os.close(fd)
    if info.size % BLOCK:
        yield bytes(BLOCK - info.size % BLOCK)


def stream(tree: MergedTree) -> AsyncIterator[bytes]:
    """`archive` from a thread of its own, which waits for the client."""
    return in_thread(archive(tree))


async def in_thread(pieces: Iterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Pieces that a thread of their own takes, a few ahead of the client."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[bytes | BaseException | None] = asyncio.Queue()
    room = threading.Semaphore(_IN_FLIGHT)
    stopped = threading.Event()

    def read() -> None:
        ending: BaseException | None = None
        try:
            for piece in _gathered(pieces):
                room.acquire()
                if stopped.is_set():
                    return
                loop.call_soon_threadsafe(queue.put_nowait, piece)
        except Exception as error:  # noqa: BLE001 - raised again where the pieces are wanted
            ending = error
        loop.call_soon_threadsafe(queue.put_nowait, ending)

    reading = loop.run_in_executor(None, read)
    try:
        while (item := await queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            room.release()
            yield item
    finally:
        stopped.set()
        room.release()
        await asyncio.shield(reading)


def _gathered(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of a useful size."""
    parts: list[bytes] = []
    size = 0
    for piece in pieces:
        parts.append(piece)
        size += len(piece)
        if size >= CHUNK:
            yield b"".join(parts)
            parts, size = [], 0
    yield b"".join(parts)
