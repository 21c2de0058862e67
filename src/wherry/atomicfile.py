"""Files that are either wholly there or not there at all: written beside, synced, renamed."""

from __future__ import annotations

import contextlib
import os


def write(
    path: str | os.PathLike[str],
    data: bytes,
    mode: int = 0o644,
    owner: tuple[int, int] | None = None,
) -> None:
    """Replace the file by one with this content; a crash leaves the old or the new one.

    `owner` is (uid, gid), that of the process if None. Raises OSError with the failing path. The
    directory is synced too, else the rename itself could be lost (fsync(2), "Calling fsync() does
    not necessarily ensure that the entry in the directory ... has also reached disk").
    """
    target = os.fspath(path)
    temporary = f"{target}.{os.getpid()}.tmp"
    try:
        _write_synced(temporary, data, mode, owner)
        os.rename(temporary, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    sync_directory(os.path.dirname(target) or ".")


def _write_synced(path: str, data: bytes, mode: int, owner: tuple[int, int] | None) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, mode)
    with open(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        if owner is not None:
            os.fchown(descriptor, *owner)
        os.fchmod(descriptor, mode)  # whatever the umask
        os.fsync(descriptor)


def sync_directory(path: str | os.PathLike[str]) -> None:
    """Make the directory's entries (created, renamed, removed names) durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
