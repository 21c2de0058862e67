"""A directory tree copied with owners, modes, times, links and devices: for `tmpcopyup`."""

from __future__ import annotations

import os
import stat

_CHUNK = 1 << 20


def copy(source: int, target: int) -> None:
    """Copy what is below the directory `source` into the directory `target` (O_PATH will do)."""
    here = _open_directory(source)
    there = _open_directory(target)
    try:
        for entry in os.scandir(here):
            _copy_entry(entry.name, entry.stat(follow_symlinks=False), here, there)
        _dress(there, os.fstat(here))
    finally:
        os.close(here)
        os.close(there)


def _open_directory(fd: int) -> int:
    return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=fd)


def _copy_entry(name: str, facts: os.stat_result, here: int, there: int) -> None:
    if stat.S_ISDIR(facts.st_mode):
        os.mkdir(name, 0o700, dir_fd=there)
        below = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
        target = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=there)
        try:
            copy(below, target)
        finally:
            os.close(below)
            os.close(target)
    elif stat.S_ISLNK(facts.st_mode):
        os.symlink(os.readlink(name, dir_fd=here), name, dir_fd=there)
        os.chown(name, facts.st_uid, facts.st_gid, dir_fd=there, follow_symlinks=False)
    elif stat.S_ISREG(facts.st_mode):
        _copy_file(name, facts, here, there)
    else:
        os.mknod(name, facts.st_mode, facts.st_rdev, dir_fd=there)
        os.chown(name, facts.st_uid, facts.st_gid, dir_fd=there, follow_symlinks=False)


def _copy_file(name: str, facts: os.stat_result, here: int, there: int) -> None:
    source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    target = os.open(name, flags, 0o600, dir_fd=there)
    try:
        while os.sendfile(target, source, None, _CHUNK):
            pass
        _dress(target, facts)
    finally:
        os.close(source)
        os.close(target)


def _dress(fd: int, facts: os.stat_result) -> None:
    os.fchown(fd, facts.st_uid, facts.st_gid)
    os.fchmod(fd, stat.S_IMODE(facts.st_mode))
    os.utime(fd, ns=(facts.st_atime_ns, facts.st_mtime_ns))
