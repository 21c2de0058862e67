"""Directories and files inside the container's root, found without following magic links.

All look-ups happen after the root was entered, so that no link can lead outside of it; links of
/proc that jump (`/proc/self/fd/3`, `/proc/1/root`) are refused by openat2.
"""

from __future__ import annotations

import ctypes
import os
import stat

from wherry.kernel import libc
from wherry.kernel.fd import AT_FDCWD
from wherry.kernel.path import RESOLVE_NO_MAGICLINKS, openat2, pack_how
from wherry.runtime.failure import Failure, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.runtime.start import Child

_ENOENT = 2
_ENOTDIR = 20


def open_path(path: str, flags: int = 0) -> int:
    """An O_PATH descriptor of `path`; links are followed, magic ones are not."""
    return openat2(AT_FDCWD, path, os.O_PATH | flags, resolve=RESOLVE_NO_MAGICLINKS)


def open_present(path: str) -> int:
    """Like `open_path`, but -1 where there is nothing: no exception for what often is not there."""
    how = pack_how(os.O_PATH, RESOLVE_NO_MAGICLINKS)
    fd = libc.syscall("openat2", AT_FDCWD, libc.encode(path), how, len(how))
    if fd < 0 and ctypes.get_errno() not in (_ENOENT, _ENOTDIR):
        libc.fail("openat2", path)
    return fd


def ensure_directory(path: str, mode: int = 0o755) -> int:
    """An O_PATH descriptor of the directory `path`, made with its parents where missing."""
    try:
        return open_path(path, os.O_DIRECTORY)
    except FileNotFoundError:
        return _make_below(path, mode)


def ensure_file(path: str) -> int:
    """An O_PATH descriptor of the file `path`, made empty where it is missing."""
    try:
        return open_path(path)
    except FileNotFoundError:
        parent, _, name = path.rstrip("/").rpartition("/")
        directory = ensure_directory(parent or "/")
        try:
            os.close(os.open(name, os.O_CREAT | os.O_CLOEXEC, 0o644, dir_fd=directory))
        finally:
            os.close(directory)
        return open_path(path)


def _make_below(path: str, mode: int) -> int:
    """mkdir -p, one component at a time, each opened before the next is made in it.

    A dangling link on the way is an error (ENOENT), not followed to be made.
    """
    directory = openat2(AT_FDCWD, "/", os.O_PATH | os.O_DIRECTORY)
    for name in path.split("/"):
        if name in ("", "."):
            continue
        try:
            below = _open_below(directory, name, mode)
        finally:
            os.close(directory)
        directory = below
    return directory


def _open_below(directory: int, name: str, mode: int) -> int:
    flags = os.O_PATH | os.O_DIRECTORY
    try:
        return openat2(directory, name, flags, resolve=RESOLVE_NO_MAGICLINKS)
    except FileNotFoundError:
        try:
            os.mkdir(name, mode, dir_fd=directory)
        except FileExistsError:
            raise FileNotFoundError(_ENOENT, "dangling symbolic link", name) from None
        return openat2(directory, name, flags, resolve=RESOLVE_NO_MAGICLINKS)


def make_directory(_: Child, path: str) -> None:
    """Make the working directory where it is missing, as Docker and runc do."""
    try:
        os.close(ensure_directory(path))
    except OSError as error:
        raise _unusable(path, error) from None


def change_directory(_: Child, path: str, create: bool) -> None:
    """Enter the working directory."""
    try:
        fd = ensure_directory(path) if create else open_path(path, os.O_DIRECTORY)
        try:
            os.fchdir(fd)
        finally:
            os.close(fd)
    except OSError as error:
        raise _unusable(path, error) from None


def _unusable(path: str, error: OSError) -> Failure:
    errno = error.errno or 0
    text = f'chdir to cwd ("{path}") set in config.json failed: {reason(errno)}'
    if errno == _ENOTDIR:
        text = (
            f"Cannot mkdir: {_culprit(path)} is not a directory; choose another working directory"
        )
    return Failure(errno, text)


def _culprit(path: str) -> str:
    """The part of `path` that exists and is no directory."""
    names = [name for name in path.split("/") if name]
    for count in range(1, len(names) + 1):
        prefix = "/" + "/".join(names[:count])
        try:
            if not stat.S_ISDIR(os.stat(prefix).st_mode):
                return prefix
        except OSError:
            break
    return path
