"""Files and directories from outside the container, bound into it."""

from __future__ import annotations

import os
import stat

from wherry.kernel import mount
from wherry.runtime.failure import Failure, reason
from wherry.runtime.steps.directory import ensure_directory, ensure_file
from wherry.runtime.steps.filesystem import settle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.runtime.start import Child
    from wherry.runtime.steps.filesystem import After

_ENOTDIR = 20
_EPERM = 1
_EXDEV = 18
# What a tool such as lxcfs may show instead of the kernel's own file; everything else of /proc is
# the kernel's word to the container, and a volume over it would be a way around masks.
_REPLACEABLE = {
    "cpuinfo", "diskstats", "loadavg", "meminfo", "net/dev", "slabinfo", "stat", "swaps",
    "sys/crypto/fips_enabled", "sys/kernel/ns_last_pid", "uptime",
}  # fmt: skip


def bind(
    child: Child, index: int, target: str, attributes: tuple[int, int], after: After, name: str
) -> None:
    """Put the detached source number `index` at `target`, which is made where it is missing."""
    source = child.sources[index]
    directory = stat.S_ISDIR(os.fstat(source).st_mode)
    try:
        where = ensure_directory(target) if directory else ensure_file(target)
    except OSError as error:
        raise _no_target(error, name, target, directory) from None
    try:
        _check_kinds(where, name, target, directory)
        _check_proc(child, source, where, target)
        if attributes != (0, 0):
            mount.mount_setattr(source, "", 0, *attributes)
        settle(source, after)
        mount.attach(source, where, target)
    except OSError as error:
        raise _failure(error.errno or 0, name, target, reason(error.errno or 0)) from None
    finally:
        os.close(where)
    os.close(source)


def _check_kinds(where: int, name: str, target: str, directory: bool) -> None:
    if stat.S_ISDIR(os.fstat(where).st_mode) == directory:
        return
    kinds = ("a directory", "a file") if directory else ("a file", "a directory")
    why = (
        f"not a directory: cannot mount {kinds[0]} on {target}, in the image {kinds[1]}; "
        "mount a directory on a directory and a file on a file"
    )
    raise _failure(_ENOTDIR, name, target, why)


def _check_proc(child: Child, source: int, where: int, target: str) -> None:
    """Nothing may cover the kernel's files in /proc (CVE-2019-16884 and its kin)."""
    if child.proc_device == -1 or os.fstat(where).st_dev != child.proc_device:
        return
    inside = target.strip("/").removeprefix("proc").strip("/")
    if inside in _REPLACEABLE or os.fstat(source).st_dev == child.proc_device:
        return
    raise Failure(_EPERM, f"{target} cannot be mounted because it is inside /proc")


def _no_target(error: OSError, name: str, target: str, directory: bool) -> Failure:
    errno = error.errno or 0
    why = reason(errno)
    if errno == _ENOTDIR:
        kind = "a directory" if directory else "a file"
        why = (
            f"not a directory: cannot mount {kind} on {target}, in the image a file or below one; "
            "mount a directory on a directory and a file on a file"
        )
    elif errno == _EXDEV:
        why = "the path leads through a link of /proc"
    return _failure(errno, name, target, why)


def _failure(errno: int, name: str, target: str, why: str) -> Failure:
    return Failure(errno, f"mounting {name or 'a volume'} at {target}: {why}")
