"""The mount namespace in which a runtime sees the container's root and sources.

It is this process's own and goes with the last process in it: a container that is killed, or a
launcher that is, leaves no mount behind on the host. What the host mounts later is seen here
(slave), what is mounted here is not seen there.
"""

from __future__ import annotations

import os
import stat

from wherry.kernel import mount, namespace
from wherry.kernel.fd import AT_FDCWD, AT_RECURSIVE
from wherry.kernel.mount import MS_REC, MS_SLAVE
from wherry.kernel.namespace import CLONE_NEWNS
from wherry.runtime import outside
from wherry.runtime.outside import named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from wherry.runtime.start import Child

    Plan = dict[str, Any]

ROOT, SOURCES = "rootfs", "sources"


def enter(hide: Sequence[str]) -> None:
    """A mount namespace of our own, without the mounts in `hide`. Raises Failure."""
    named("mount", namespace.unshare, CLONE_NEWNS)
    named("mount", mount.mount, "", "/", "", MS_SLAVE | MS_REC)
    for path in hide:
        if os.path.ismount(path):
            named("mount", mount.umount, path, mount.MNT_DETACH)


def furnish(plan: Plan, child: Child, opened: list[int]) -> list[str]:
    """Mount root and sources below the plan's directory; the sources' paths. Raises Failure."""
    userns = _maps_owner(plan, opened)
    outside.open_sources(plan, child, opened)
    outside.map_sources(plan, child, userns)
    if userns is not None:
        outside.give_streams(child, userns)
    outside.open_root(plan, child, userns, opened)
    directory = plan["directory"]
    os.makedirs(f"{directory}/{ROOT}", 0o711, exist_ok=True)
    named("rootfs", _attach, child.root, f"{directory}/{ROOT}")
    paths = []
    for number in plan["read_only"]:
        _forbid_writing(child.sources[number])
    for number, fd in enumerate(child.sources):
        paths.append(f"{directory}/{SOURCES}/{number}")
        named("mount", _place, fd, paths[-1])
    return paths


def _maps_owner(plan: Plan, opened: list[int]) -> outside.UserNamespace | None:
    """A user namespace with the container's maps; the container's own comes later."""
    if plan["maps"] is None:
        return None
    fd = named("user_namespace", namespace.open_mapped_user_namespace, *plan["maps"])
    return outside.UserNamespace(outside.kept(opened, fd), plan["maps"])


def _forbid_writing(fd: int) -> None:
    named("mount", mount.mount_setattr, fd, "", AT_RECURSIVE, mount.MOUNT_ATTR_RDONLY)


def _place(fd: int, path: str) -> None:
    os.makedirs(os.path.dirname(path), 0o711, exist_ok=True)
    if stat.S_ISDIR(os.fstat(fd).st_mode):
        os.makedirs(path, 0o711, exist_ok=True)
    else:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    _attach(fd, path)


def _attach(fd: int, path: str) -> None:
    mount.move_mount(fd, "", AT_FDCWD, path, mount.MOVE_MOUNT_F_EMPTY_PATH, name=path)
