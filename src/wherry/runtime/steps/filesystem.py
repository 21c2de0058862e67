"""New file systems in the container: proc, sysfs, tmpfs, devpts, mqueue and any other."""

from __future__ import annotations

import os
import stat

from wherry.kernel import lsm
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
_EINVAL = 22
_KERNELS_OWN = ("proc", "sysfs")
_NOTHING_AFTER = (0, 0, None)


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
        covers = kind == "tmpfs" and os.path.isdir(target)
        where = _open_target(kind, target)
        try:
            if target in child.prepared:
                kernel_mount.attach(child.prepared.pop(target), where, target)
            else:
                shown = _with_mode(where, data) if covers else data
                _mount_on(where, kind, source, shown, attributes)
        finally:
            os.close(where)
        if kind == "proc":
            child.proc_device = os.stat(target).st_dev
        if after != _NOTHING_AFTER:
            _settle_mounted(target, after)
    except OSError as error:
        raise _explained(error, kind, target, data) from None


def prepare(child: Child, mounts: list[tuple[str, str, str, list[str], int]]) -> None:
    """Make file systems ahead, detached: (type, source, target, data, attributes).

    In a user namespace the kernel makes a proc or sysfs only where one is wholly visible already
    (mount_too_revealing in fs/namespace.c), and that is the host's, until the root is entered.
    """
    for kind, source, target, data, attributes in mounts:
        try:
            child.prepared[target] = kernel_mount.new_mount(kind, source, data, attributes)
        except OSError as error:
            raise _explained(error, kind, target, data) from None


def mount_here(kind: str, source: str, words: list[str], attributes: int, name: str = ".") -> None:
    """mount(2) on the current directory, or on a name in it that nobody else can change.

    One call instead of the five that go by descriptors; the current directory is as safe a
    target as a descriptor is.
    """
    flags = kernel_mount.flags_of(attributes)
    kernel_mount.mount(source, name, kind, flags, kernel_mount.joined(words))


def _mount_on(where: int, kind: str, source: str, data: list[str], attributes: int) -> None:
    os.fchdir(where)
    try:
        mount_here(kind, source, data, attributes)
    finally:
        os.chdir("/")


def _with_mode(where: int, data: list[str]) -> list[str]:
    """A tmpfs takes the permissions of the directory that it covers, unless told, as with runc;
    one that covers nothing keeps the kernel's default, 1777."""
    if any(word.startswith("mode=") for word in data):
        return data
    return [*data, f"mode={stat.S_IMODE(os.fstat(where).st_mode):o}"]


def _settle_mounted(target: str, after: After) -> None:
    fd = open_path(target)
    try:
        settle(fd, after)
    finally:
        os.close(fd)


def tmpfs_copy(_: Child, target: str, data: list[str], attributes: int, after: After) -> None:
    """A tmpfs that begins with a copy of the directory that it hides (`tmpcopyup`)."""
    try:
        where = ensure_directory(target)
        writable = attributes & ~kernel_mount.MOUNT_ATTR_RDONLY
        fd = kernel_mount.new_mount("tmpfs", "tmpfs", _with_mode(where, data), writable)
        copyup.copy(where, fd)
        kernel_mount.mount_setattr(fd, "", 0, attributes & kernel_mount.MOUNT_ATTR_RDONLY)
        settle(fd, after)
        kernel_mount.attach(fd, where, target)
        os.close(fd)
        os.close(where)
    except OSError as error:
        raise _explained(error, "tmpfs", target, data) from None


def file_label(_: Child, target: str, label: str) -> None:
    """Give the root of a mount an SELinux context."""
    try:
        fd = open_path(target)
        try:
            lsm.set_file_label(f"/proc/self/fd/{fd}", label, follow=True)
        finally:
            os.close(fd)
    except OSError as error:
        why = reason(error.errno or 0)
        raise Failure(error.errno or 0, f"label {label!r} of {target}: {why}") from None


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


def _explained(error: OSError, kind: str, target: str, data: list[str]) -> Failure:
    errno = error.errno or 0
    why = reason(errno)
    if errno == _ENODEV:
        why = f"this kernel has no file system {kind!r}"
    elif errno == _EINVAL:
        why = _refused_option(kind, data) or why
    elif errno == _EPERM and kind == "sysfs":
        why += "; it needs rights over the network namespace, bind the host's /sys instead"
    return Failure(errno, f"mounting {kind} at {target}: {why}")


def _refused_option(kind: str, data: list[str]) -> str:
    """The option that the kernel does not take: mount(2) only says "invalid argument"."""
    context = kernel_mount.fsopen(kind)
    try:
        for word in data:
            try:
                kernel_mount.set_option(context, word)
            except OSError:
                return f"option {word!r} is not accepted"
    finally:
        os.close(context)
    return ""
