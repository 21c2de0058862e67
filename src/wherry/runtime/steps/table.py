"""The names that a plan uses, and the functions that do it. Each takes the child first."""

from __future__ import annotations

from wherry.runtime.steps import (
    bind,
    cgroupfs,
    confine,
    dev,
    directory,
    filesystem,
    gate,
    hide,
    landlock,
    place,
    program,
    rootfs,
    session,
    system,
    user,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

STEPS: dict[str, Callable[..., Any]] = {
    # before anything is entered
    "oom_score_adj": place.oom_score_adj,
    "open_label": confine.open_label,
    "cgroup": place.cgroup,
    "join": place.join,
    "open_stage": rootfs.open_stage,
    "become_root": place.become_root,
    # the file system
    "prepare": filesystem.prepare,
    "rootfs": rootfs.enter,
    "mount": filesystem.mount,
    "tmpfs_copy": filesystem.tmpfs_copy,
    "file_label": filesystem.file_label,
    "bind": bind.bind,
    "cgroup_v1": cgroupfs.version_1,
    "cgroup_v2": cgroupfs.version_2,
    "devfs": dev.attach,
    "devices": dev.make_nodes,
    "device_links": dev.make_links,
    "make_directory": directory.make_directory,
    "read_only": hide.read_only,
    "mask": hide.mask,
    "read_only_root": hide.read_only_root,
    # the namespaces
    "hostname": system.hostname,
    "domainname": system.domainname,
    "loopback": system.loopback,
    "sysctl": system.sysctl,
    # the process
    "terminal": session.terminal,
    "stdio": session.stdio,
    "environment": program.environment,
    "rlimits": system.rlimits,
    "io_priority": system.io_priority,
    "personality": system.personality,
    "keyring": system.keyring,
    "umask": system.umask,
    "user": user.look_up,
    "ids": user.take_numbers,
    "cwd": directory.change_directory,
    "identity": confine.identity,
    "find": program.find,
    # only wherry-oci's plans
    "wait_for_start": gate.wait_for_start,
    "tell": gate.tell,
    "hook": gate.hook,
    # the last ones
    "label": confine.label,
    "no_new_privs": confine.no_new_privs,
    "close_fds": confine.close_fds,
    "landlock": landlock.restrict,
    "seccomp": confine.seccomp,
    "capabilities": confine.capabilities,
    "exec": program.execute,
}
