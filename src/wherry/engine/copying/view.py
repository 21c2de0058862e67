"""What a copy's worker enters before it looks at a single path of a container.

A running container's mount namespace is joined, so that binds, volumes and tmpfs are what the
container sees; a stopped one's root and mounts are put together in a namespace of the worker's
own. Either way the container's root becomes the worker's root directory, and from then on nothing
is imported (CVE-2019-14271: a helper that loaded a library of the container's).

/proc, /sys and /dev of a running container are taken out of the worker's copy of its mounts: they
are no files to copy, and a link such as /proc/1/root would lead out of the container. Slim.
"""

from __future__ import annotations

import contextlib
import os
import sys

from wherry.kernel import mount
from wherry.kernel.fd import AT_FDCWD, AT_RECURSIVE
from wherry.kernel.namespace import CLONE_NEWNS, CLONE_NEWUSER, setns, unshare
from wherry.kernel.overlay import overlay, split_options
from wherry.kernel.path import open_in
from wherry.kernel.process import set_dumpable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_MODE = 0o755


def enter(view: dict[str, Any]) -> None:
    """Make what the view describes this process' root directory. Raises OSError."""
    set_dumpable(False)  # the container must not trace us, nor read our /proc files
    _ENTER[view["kind"]](view)
    sys.path.clear()
    sys.path_hooks.clear()
    sys.meta_path.clear()


def _running(view: dict[str, Any]) -> None:
    """Join by pidfd: it cannot mean another process by now."""
    setns(view["pidfd"], CLONE_NEWNS | (CLONE_NEWUSER if view["userns"] else 0))
    if view["userns"]:
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
    unshare(CLONE_NEWNS)
    mount.mount("", "/", "", mount.MS_REC | mount.MS_PRIVATE)
    for path in view["hidden"]:
        with contextlib.suppress(OSError):  # not mounted in this container
            mount.umount(path, mount.MNT_DETACH | mount.UMOUNT_NOFOLLOW)


def _stopped(view: dict[str, Any]) -> None:
    """Put root and mounts together at the stage. Sources are opened before anything is in the way.

    To read, the root is mounted with a throw-away directory on top, so that a start at the same
    time does not find its writable layer in use.
    """
    stage = view["stage"]
    sources = [_source(bind) for bind in view["binds"]]
    unshare(CLONE_NEWNS)
    mount.mount("", "/", "", mount.MS_REC | mount.MS_PRIVATE)
    root = _root(view["root"], stage, writable=view["writable"])
    mount.move_mount(root, "", AT_FDCWD, stage, mount.MOVE_MOUNT_F_EMPTY_PATH)
    os.close(root)
    top = os.open(stage, _DIRECTORY)
    for bind, source in zip(view["binds"], sources, strict=True):
        _bind(top, source, bind)
    if view["read_only"]:
        mount.mount_setattr(AT_FDCWD, stage, 0, mount.MOUNT_ATTR_RDONLY)
    _change_root(top)


def _root(root: tuple[str, str, list[str]], stage: str, *, writable: bool) -> int:
    kind, source, options = root
    if kind != "overlay":
        return mount.clone_tree(source)
    if writable:
        return overlay(options, stage=stage)
    layers, others = split_options(options)
    upper = next(word for word in others if word.startswith("upperdir=")).partition("=")[2]
    rest = [word for word in others if not word.startswith(("upperdir=", "workdir="))]
    mount.mount("tmpfs", stage, "tmpfs", 0, "mode=755")
    for name in ("upper", "work", "root"):
        os.mkdir(f"{stage}/{name}", _MODE)
    words = [f"lowerdir+={layer}" for layer in (upper, *layers)]
    words += [f"upperdir={stage}/upper", f"workdir={stage}/work", *rest]
    face = os.stat(upper)
    os.chown(f"{stage}/upper", face.st_uid, face.st_gid)
    os.chmod(f"{stage}/upper", face.st_mode & 0o7777)
    return overlay(words, stage=f"{stage}/root")


def _source(bind: dict[str, Any]) -> int:
    path, below = bind["source"], bind["subpath"]
    if not below:
        return mount.clone_tree(path, recursive=bind["recursive"])
    top = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    place = open_in(top, below, os.O_PATH)
    return mount.clone_tree("", dirfd=place, recursive=bind["recursive"])


def _bind(top: int, source: int, bind: dict[str, Any]) -> None:
    if bind["read_only"]:
        flags = AT_RECURSIVE if bind["recursive"] else 0
        mount.mount_setattr(source, "", flags, mount.MOUNT_ATTR_RDONLY)
    is_directory = os.path.isdir(f"/proc/self/fd/{source}")
    target = _mount_point(top, bind["target"], is_directory=is_directory)
    mount.attach(source, target, bind["target"])
    os.close(source)
    os.close(target)


def _mount_point(top: int, path: str, *, is_directory: bool) -> int:
    """The place to mount on, made where the image lacks it, as a start would."""
    try:
        return open_in(top, path, os.O_PATH)
    except FileNotFoundError:
        pass
    *parents, name = [part for part in path.split("/") if part]
    here = ""
    for part in parents if not is_directory else (*parents, name):
        parent = open_in(top, here or ".", os.O_PATH | os.O_DIRECTORY)
        with contextlib.suppress(FileExistsError):
            os.mkdir(part, _MODE, dir_fd=parent)
        os.close(parent)
        here = f"{here}/{part}"
    if not is_directory:
        flags = os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW
        parent = open_in(top, here or ".", os.O_PATH | os.O_DIRECTORY)
        os.close(os.open(name, flags, _MODE, dir_fd=parent))
        os.close(parent)
    return open_in(top, path, os.O_PATH)


def _directory(view: dict[str, Any]) -> None:
    """Nothing but one directory of the host: a volume."""
    _change_root(os.open(view["path"], _DIRECTORY))


def _change_root(top: int) -> None:
    os.fchdir(top)
    os.chroot(".")
    os.close(top)


_ENTER = {"running": _running, "stopped": _stopped, "directory": _directory}


def hidden(targets: Sequence[str]) -> list[str]:
    """The kernel's file systems to take out, but for those with mounts of the user's in them."""
    return [
        path
        for path in ("/proc", "/sys", "/dev")
        if not any(target == path or target.startswith(f"{path}/") for target in targets)
    ]
