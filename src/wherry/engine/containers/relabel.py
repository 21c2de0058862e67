"""`:z` and `:Z`: giving a bind source or volume the label of the containers that may use it.

Everything is reached from a descriptor of the top, no link is followed, and other file systems
below are left alone. Directories that belong to the system are refused, as in Docker: a relabelled
/etc is a machine that does not boot.
"""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from typing import Final

from wherry.engine.containers.selinux import SHARED, Context
from wherry.errors import Invalid
from wherry.kernel import lsm
from wherry.kernel.path import open_in

_OF_THE_SYSTEM: Final = """
    / /bin /boot /dev /etc /etc/passwd /etc/pki /etc/shadow /home /lib /lib64 /media /opt /proc
    /root /run /sbin /srv /sys /tmp /usr /var /var/lib /var/log
"""
REFUSED: Final = frozenset(_OF_THE_SYSTEM.split())


def wanted(mode: str) -> str:
    """ "z" (for all containers), "Z" (for one) or "" in the mode of a mount."""
    return next((word for word in mode.split(",") if word in ("z", "Z")), "")


def relabel(source: str, subpath: str, label: str, *, shared: bool) -> None:
    """Label `source`, or what is at `subpath` below it, and all within; blocks. Raises Invalid.

    Everything is looked at, since what containers made meanwhile has their own categories.
    """
    context = Context.parse(label)
    text = str(replace(context, level=SHARED) if shared else context)
    root = os.open(source, os.O_PATH | os.O_CLOEXEC)
    try:
        top = open_in(root, subpath, os.O_PATH) if subpath else os.dup(root)
        try:
            _relabel(top, text)
        finally:
            os.close(top)
    except OSError as error:
        raise Invalid(f"error setting label on mount source '{source}': {error.strerror}") from None
    finally:
        os.close(root)


def _relabel(top: int, label: str) -> None:
    path = f"/proc/self/fd/{top}"
    place = os.readlink(path)
    if place in REFUSED | {os.path.realpath(os.path.expanduser("~"))}:
        raise Invalid(
            f"error setting label on mount source '{place}': "
            f"SELinux relabeling of {place} is not allowed",
            hint="mount a directory that is the containers' own",
        )
    if os.path.isdir(path):
        _all_below(path, label)
    # The top comes last: where it has the label, a whole walk was done at least once.
    _set(path, label, follow=True)


def _all_below(path: str, label: str) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        device = os.fstat(fd).st_dev
        for _, directories, files, here in os.fwalk(".", dir_fd=fd, follow_symlinks=False):
            if os.fstat(here).st_dev != device:
                directories.clear()
                continue
            for name in (*directories, *files):
                path = f"/proc/self/fd/{here}/{name}"
                if not has(path, label):
                    _set(path, label, follow=False)
    finally:
        os.close(fd)


def has(path: str, label: str) -> bool:
    """Whether a file has that label."""
    try:
        found = os.getxattr(path, lsm.SELINUX_LABEL, follow_symlinks=False)
        return found.rstrip(b"\0") == label.encode()
    except OSError:
        return False


def _set(path: str, label: str, *, follow: bool) -> None:
    """File systems without labels, and files that went meanwhile, are passed over."""
    try:
        lsm.set_file_label(path, label, follow=follow)
    except OSError as error:
        if error.errno not in (errno.ENOTSUP, errno.ENOENT, errno.EROFS):
            raise
