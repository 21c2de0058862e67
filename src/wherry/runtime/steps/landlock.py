"""A wall of Landlock around the program to come, inside whatever else holds the container.

The files that rules name are opened by their paths in the finished container; only the rights that
are taken away behind this step, capabilities and system calls, are still there.
"""

from __future__ import annotations

import os
import stat

from wherry.kernel import landlock
from wherry.kernel.fd import AT_FDCWD
from wherry.kernel.path import RESOLVE_NO_SYMLINKS, openat2
from wherry.runtime.failure import Failure, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.runtime.start import Child

_ENOENT, _ENOSYS, _ENOTDIR, _ELOOP, _EOPNOTSUPP = 2, 38, 20, 40, 95


def restrict(
    child: Child,
    handled: tuple[int, int, int],
    paths: list[tuple[str, int, bool]],
    ports: list[tuple[int, int]],
) -> None:
    """From here on deny `handled` (files, ports, scopes) to us and the program, but for these rows.

    `paths`: (path in the container, access, whether it must be there); `ports`: (port, access).
    No link is followed: an image could lead a rule to a directory that nobody meant.
    """
    try:
        ruleset = landlock.create_ruleset(*handled)
    except OSError as error:
        raise Failure(error.errno or 0, f"landlock: {_refusal(error.errno or 0)}") from None
    for path, access, required in paths:
        _allow(ruleset, path, access & handled[0], required)
    for port, access in ports:
        landlock.allow_port(ruleset, port, access)
    landlock.restrict_self(ruleset)
    os.close(ruleset)
    child.landlocked = True


def _allow(ruleset: int, path: str, access: int, required: bool) -> None:
    try:
        fd = openat2(AT_FDCWD, path, os.O_PATH, resolve=RESOLVE_NO_SYMLINKS)
    except OSError as error:
        errno = error.errno or 0
        if errno in (_ENOENT, _ENOTDIR) and not required:
            return
        raise Failure(errno, f"landlock: rule for {path}: {_explained(errno)}") from None
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            access &= landlock.OF_A_FILE
        if access:
            landlock.allow_path(ruleset, fd, access, path)
    finally:
        os.close(fd)


def _explained(errno: int) -> str:
    """In words that mean nothing about the program, unlike "no such file or directory"."""
    if errno in (_ENOENT, _ENOTDIR):
        return "the container has no such path; write -PATH for one that may be missing"
    if errno == _ELOOP:
        return "it is a symbolic link in the container, or behind one; name what it leads to"
    return reason(errno)


def _refusal(errno: int) -> str:
    if errno in (_ENOSYS, _EOPNOTSUPP):
        return "this kernel has it not, or not switched on (lsm= on its command line)"
    return f"making the rules: {reason(errno)}"
