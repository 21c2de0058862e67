"""The container's root becomes ours, and the host's goes out of reach (pivot_root(2))."""

from __future__ import annotations

import os

from wherry.kernel import mount
from wherry.kernel.fd import AT_FDCWD, AT_RECURSIVE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.runtime.start import Child


def open_stage(child: Child, stage: str | None) -> None:
    """Open the stage while we are still who may go there: the root of a user namespace may not."""
    child.staged = os.open(stage or child.stage, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def enter(child: Child, stage: str | None, propagation: int, pivot: bool) -> None:
    """Attach the root's mount at `stage` and make it "/"; what was mounted before is let go.

    The launcher's mounts are private already; elsewhere `propagation` keeps ours from the host.
    """
    stage = stage or child.stage
    if stage != child.stage:
        mount.mount("", "/", "", propagation)
    mount.mount_setattr(child.root, "", AT_RECURSIVE, propagation=mount.MS_PRIVATE)
    if child.staged >= 0:
        mount.attach(child.root, child.staged, stage)
    else:
        flags = mount.MOVE_MOUNT_F_EMPTY_PATH
        mount.move_mount(child.root, "", AT_FDCWD, stage, flags, name=stage)
    os.fchdir(child.root)
    if pivot:
        # Both arguments ".": the old root ends up mounted over the new one and is then detached.
        mount.pivot_root(".", ".")
        mount.umount(".", mount.MNT_DETACH)
    else:
        mount.mount(".", "/", "", mount.MS_MOVE)
        os.chroot(".")
    os.chdir("/")
