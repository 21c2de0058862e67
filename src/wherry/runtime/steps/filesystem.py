"""New file systems in the container: proc, sysfs, tmpfs, devpts, mqueue and any other."""

from __future__ import annotations

import os
import stat

from wherry.kernel import mount as kernel_mount
from wherry.kernel.fd import AT_RECURSIVE
from wherry.runtime.failure import Failure, reason
from wherry.runtime.steps import copyup
from wherry.runtime.steps.directory import ensure_directory, open_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.runtime.start import Child

    After = tuple[int, int, tuple[int, bool] | None]

_EPERM = 1
_ENODEV = 19
_KERNELS_OWN = ("proc", "sysfs")


def mount(
    child: Child,
    kind: str,
    source: str,
    target: str,
    data: list[str],
    attributes: int,
    after: After,
) -> None:
    """Make a file system and put it at `target`, which is made where it is missing."""
    try:
        where = _open_target(kind, target)
        try:
            fd = _make(kind, source, where, data, attributes)
            settle(fd, after)
            kernel_mount.attach(fd, where, target)
            if kind == "proc":
                child.proc_device = os.fstat(fd).st_dev
            os.close(fd)
        finally:
            os.close(where)
    except OSError as error:
        raise _explained(error, kind, target) from None


def tmpfs_copy(_: Child, target: str, data: list[str], attributes: int, after: After) -> None:
    """A tmpfs that begins with a copy of the directory that it hides (`tmpcopyup`)."""
    try:
        where = ensure_directory(target)
        writable = attributes & ~kernel_mount.MOUNT_ATTR_RDONLY
        fd = _make("tmpfs", "tmpfs", where, data, writable)
        copyup.copy(where, fd)
        kernel_mount.mount_setattr(fd, "", 0, attributes & kernel_mount.MOUNT_ATTR_RDONLY)
        settle(fd, after)
        kernel_mount.attach(fd, where, target)
        os.close(fd)
        os.close(where)
    except OSError as error:
        raise _explained(error, "tmpfs", target) from None


def settle(fd: int, after: After) -> None:
    """Set what holds for a whole detached tree, and its propagation."""
    set_, clear, propagation = after
    if set_ or clear:
        kernel_mount.mount_setattr(fd, "", AT_RECURSIVE, set_, clear)
    if propagation:
        kind, recursive = propagation
        flags = AT_RECURSIVE if recursive else 0
        kernel_mount.mount_setattr(fd, "", flags, propagation=kind)


def _open_target(kind: str, target: str) -> int:
    """Mount points of the kernel's own trees must be real directories: masks go below them."""
    if kind in _KERNELS_OWN:
        try:
            return open_path(target, os.O_DIRECTORY | os.O_NOFOLLOW)
        except FileNotFoundError:
            pass
    return ensure_directory(target)


def _make(kind: str, source: str, where: int, data: list[str], attributes: int) -> int:
    if kind == "tmpfs" and not any(word.startswith("mode=") for word in data):
        data = [*data, f"mode={stat.S_IMODE(os.fstat(where).st_mode):o}"]
    try:
        return kernel_mount.new_mount(kind, source, data, attributes)
    except PermissionError:
        if kind != "sysfs":
            raise
        return _own_sysfs(attributes)


def _own_sysfs(attributes: int) -> int:
    """Where we do not rule the network namespace, no new sysfs may show it."""
    raise Failure(
        _EPERM,
        "sysfs cannot be mounted without rights over the network namespace; "
        "bind the host's /sys instead",
    )


def _explained(error: OSError, kind: str, target: str) -> Failure:
    errno = error.errno or 0
    why = reason(errno)
    if errno == _ENODEV:
        why = f"this kernel has no file system {kind!r}"
    elif error.strerror and error.strerror.startswith("fsconfig: "):
        why = error.strerror.removeprefix("fsconfig: ")
    return Failure(errno, f"mounting {kind} at {target}: {why}")
