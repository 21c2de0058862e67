"""Unpacking an archive into a volume, by the worker that has nothing but the volume for a root."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from wherry.engine.copying.process import CopyFailed, Copying
from wherry.engine.threadstreams import ThreadReader
from wherry.errors import Denied, Internal, Invalid, Unavailable

_KINDS = {
    "invalid": Invalid,
    "refused": Invalid,
    "not a directory": Invalid,
    "read-only": Denied,
    "full": Unavailable,
}


async def unpack(name: str, directory: str, archive: AsyncIterator[bytes]) -> None:
    """Unpack a tar, compressed or not, over what is in the volume.

    Owners, times, hard links, extended attributes and holes become as the archive says. Raises
    Invalid for a bad archive, Unavailable when the disk is full.
    """
    view = {"kind": "directory", "path": directory}
    job = {"do": "unpack", "view": view, "path": "/", "no_overwrite": False, "user": ""}
    reader = ThreadReader(archive, asyncio.get_running_loop(), ahead=True)

    def work() -> None:
        copying = Copying(job, (), fed=True)
        try:
            copying.feed(reader)
            copying.head()
        finally:
            reader.close()
            copying.close()

    try:
        await asyncio.to_thread(work)
    except CopyFailed as failure:
        kind = _KINDS.get(failure.kind, Internal)
        raise kind(f"import into volume {name}: {failure.text or failure.kind}") from None
