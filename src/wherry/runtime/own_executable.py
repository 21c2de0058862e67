"""No container may ever reach a writable copy of our interpreter (CVE-2019-5736 and its kin).

A container's first process is a copy of whoever makes it until its execve, and an image may name
/proc/self/exe as its program: then the interpreter itself runs in the container. Whoever makes
containers is therefore executed through a detached, read-only bind mount of the interpreter's file:
opening /proc/PID/exe for writing then gives EROFS, whatever the opener's rights.
"""

from __future__ import annotations

import os
import sys

from wherry.kernel import mount, process

_EXE = "/proc/self/exe"


def is_read_only() -> bool:
    """Whether our executable was reached through a read-only mount."""
    return bool(os.statvfs(_EXE).f_flag & os.ST_RDONLY)


def execute_read_only() -> None:
    """Execute ourselves once more through a read-only mount, unless that is so already.

    Arguments, environment and inheritable descriptors stay; it costs one interpreter start. Raises
    OSError: mounting needs CAP_SYS_ADMIN.
    """
    if is_read_only():
        return
    fd = mount.clone_tree(os.path.realpath(_EXE))
    mount.mount_setattr(fd, "", 0, mount.MOUNT_ATTR_RDONLY)
    # The name stays the one that we were started by: Python finds its library beside it.
    process.execveat(fd, [sys.executable, *sys.orig_argv[1:]], dict(os.environ))
