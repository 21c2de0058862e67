"""One container's cgroup: its directories in every tree, and what one does with all of them.

Making one takes about 0.3 ms with nine version 1 hierarchies, because nobody is moved into it from
outside: writing a pid to `cgroup.procs` takes the kernel's global threadgroup lock (0.8 ms each,
feasibility measurements, section 7). The child writes "0" into each of `task_files` itself, or is
born inside by CLONE_INTO_CGROUP.
"""

from __future__ import annotations

import errno
import os
import time

from wherry.kernel.cgroup import interface, membership
from wherry.kernel.cgroup.tables import V1, V2
from wherry.kernel.cgroup.v1 import cpuset
from wherry.kernel.cgroup.v1 import freezer as freezer1
from wherry.kernel.cgroup.v1 import memory as memory1
from wherry.kernel.cgroup.v2 import devices as devices2
from wherry.kernel.cgroup.v2 import freezer as freezer2
from wherry.kernel.cgroup.v2 import memory as memory2
from wherry.kernel.cgroup.v2 import pressure, unified

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.kernel.cgroup.hierarchy import Hierarchies, Tree

SIGKILL, SIGTERM, SIGCONT = 9, 15, 18
REMOVE_ATTEMPTS = 40
REMOVE_PAUSE = 0.005
KILL_ROUNDS = 100


class Cgroup:
    """A set of directories, one per tree, that together hold one container.

    `v1` maps each version 1 controller (or "name=systemd") to its directory; controllers mounted
    together share one. `v2` is the directory in the unified tree, "" where there is none.
    """

    __slots__ = ("v1", "v2")

    def __init__(self, v1: dict[str, str], v2: str) -> None:
        """Name existing directories; nothing is made or checked."""
        self.v1 = v1
        self.v2 = v2

    # -- making -----------------------------------------------------------------------------------

    @classmethod
    def locate(cls, hierarchies: Hierarchies, path: str) -> Cgroup:
        """The cgroup `path` of every tree, whether it exists or not.

        `path` is absolute, or relative to this process's own cgroup in each tree.
        """
        v1 = {}
        for tree in hierarchies.v1:
            directory = tree.directory(path)
            v1.update(dict.fromkeys(tree.controllers, directory))
        return cls(v1, hierarchies.v2.directory(path) if hierarchies.v2 else "")

    @classmethod
    def create(cls, hierarchies: Hierarchies, path: str, resources: dict[str, Any]) -> Cgroup:
        """Make the cgroup in every tree and write `resources` (OCI linux.resources).

        Parents are made as needed and stay. A directory that is there already is used. Raises
        OSError with the file that refused; what was made is removed then.
        """
        cgroup = cls.locate(hierarchies, path)
        made: list[str] = []
        try:
            for tree in hierarchies.v1:
                _make_v1(tree, tree.directory(path), made)
            if hierarchies.v2:
                wanted = _v2_controllers(hierarchies, resources)
                _make_v2(hierarchies.v2, cgroup.v2, wanted, made)
            cgroup.update(resources)
        except OSError:
            for directory in reversed(made):
                _remove_directory(directory)
            raise
        return cgroup

    def child(self, name: str) -> Cgroup:
        """A sub-cgroup for one exec, made if needed: what is killed or counted apart, not limited.

        Version 1: in the freezer hierarchy only, elsewhere the parent's directories are shared.
        Version 2: without controllers, so the parent may keep its own processes.
        """
        v1 = dict(self.v1)
        if "freezer" in v1:
            v1["freezer"] = f"{v1['freezer']}/{name}"
            _make_directory(v1["freezer"])
        v2 = f"{self.v2}/{name}" if self.v2 else ""
        if v2:
            _make_directory(v2)
        return Cgroup(v1, v2)

    def remove(self) -> None:
        """Remove the directories and all below them; processes still inside are killed first.

        Raises OSError EBUSY when they do not go away. Removing what is gone is no error.
        """
        for directory in self.directories():
            for cgroup in list(membership.below(directory)):
                self._remove_emptied(cgroup)

    def give_up_members(self) -> None:
        """Move what is left inside to the cgroups above, whose limits and fate it shares."""
        for directory in self.directories():
            membership.move_all(directory, os.path.dirname(directory))

    def _remove_emptied(self, directory: str) -> None:
        """The kernel needs a moment after the last exit before rmdir succeeds."""
        for attempt in range(REMOVE_ATTEMPTS):
            if _remove_directory(directory):
                return
            if attempt == 1:
                membership.signal_all(directory, SIGKILL)
            time.sleep(REMOVE_PAUSE * min(attempt + 1, 10))
        raise OSError(errno.EBUSY, "cgroup still has processes", directory)

    # -- where ------------------------------------------------------------------------------------

    def directories(self) -> list[str]:
        """Each directory once, the unified one last."""
        return [*dict.fromkeys(self.v1.values()), *([self.v2] if self.v2 else [])]

    def task_files(self) -> list[str]:
        """Files into which a (single-threaded) process writes "0" to join.

        Version 1: `tasks`. Version 2 alone: `cgroup.procs`. On a hybrid machine the unified
        directory is left out: it is joined at no cost by `open_v2`, or not at all.
        """
        if self.v1:
            return [f"{directory}/tasks" for directory in dict.fromkeys(self.v1.values())]
        return [f"{self.v2}/cgroup.procs"] if self.v2 else []

    def open_v2(self) -> int:
        """A descriptor for CLONE_INTO_CGROUP; -1 where there is no unified tree."""
        if not self.v2:
            return -1
        return os.open(self.v2, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def exists(self) -> bool:
        """Whether the directory that counts for membership is there."""
        return os.path.isdir(self._member_directory())

    def _member_directory(self) -> str:
        """The directory whose list of processes is the container's."""
        for controller in ("freezer", "devices", "pids"):
            if controller in self.v1:
                return self.v1[controller]
        return next(iter(self.v1.values()), self.v2)

    # -- limits and figures -----------------------------------------------------------------------

    def update(self, resources: dict[str, Any]) -> None:
        """Write the limits that `resources` (OCI linux.resources) names; the others stay.

        Raises OSError ENOENT for a limit whose controller this machine lacks.
        """
        for controller, directory in self.v1.items():
            if controller in V1:
                V1[controller].apply(directory, resources)
        if not self.v2:
            return
        for controller in self._v2_only():
            V2[controller].apply(self.v2, resources)
        if "devices" not in self.v1:
            devices2.apply(self.v2, resources)
        unified.apply(self.v2, resources)

    def _v2_only(self) -> list[str]:
        """Version 2 controllers that act here: on a hybrid machine those that version 1 lacks."""
        if not self.v1:
            return list(V2)
        controllers = interface.read_or(self.v2, "cgroup.controllers").split()
        return [name for name in controllers if name in V2 and name not in self.v1]

    def oom_kills(self) -> int:
        """How often the OOM killer has struck here; 0 where memory is not accounted."""
        if "memory" in self.v1:
            return memory1.oom_kills(self.v1["memory"])
        return memory2.oom_kills(self.v2) if self.v2 else 0

    def stats(self) -> dict[str, Any]:
        """What was counted: times in nanoseconds, sizes in bytes, in one shape for both versions.

        {"cpu": {"usage": {"total", "kernel", "user", "percpu"}, "throttling": {...}},
         "memory": {"usage": {"usage", "max", "limit", "failcnt"}, "swap": {...}, "cache", "raw",
         "oomKills"}, "pids": {"current", "limit"}, "blkio": {...}, "cpuset": {...},
         "pressure": {...}}: the names of `runc events --stats`, from which Docker's /stats follows.
        A controller that is not mounted is missing.
        """
        figures: dict[str, Any] = {}
        for controller, directory in self.v1.items():
            if controller in V1:
                _merge(figures, V1[controller].stats(directory))
        if self.v2:
            for controller in self._v2_only():
                _merge(figures, V2[controller].stats(self.v2))
            _merge(figures, pressure.stats(self.v2))
        return figures

    # -- processes --------------------------------------------------------------------------------

    def pids(self) -> list[int]:
        """Processes inside, execs included, sorted."""
        return membership.pids(self._member_directory())

    def freeze(self) -> None:
        """Stop all tasks where they are; OSError ETIMEDOUT when one cannot be stopped."""
        if "freezer" in self.v1:
            freezer1.freeze(self.v1["freezer"])
        elif self.v2:
            freezer2.freeze(self.v2)
        else:
            raise OSError(errno.EOPNOTSUPP, "no cgroup freezer is mounted")

    def thaw(self) -> None:
        """Let all tasks go on."""
        if "freezer" in self.v1:
            freezer1.thaw(self.v1["freezer"])
        elif self.v2:
            freezer2.thaw(self.v2)

    def frozen(self) -> bool:
        """Whether the container is paused."""
        if "freezer" in self.v1:
            return freezer1.frozen(self.v1["freezer"])
        return bool(self.v2) and freezer2.frozen(self.v2)

    def kill(self, signal: int = SIGKILL) -> None:
        """Signal every process inside, children of execs included.

        SIGKILL leaves no survivor: version 2 has a file for it; elsewhere the rounds go on until
        nobody new was born. A frozen container is thawed, so that the signal takes effect.
        """
        if signal != SIGKILL:
            membership.signal_all(self._member_directory(), signal)
            return
        if not self.v1 and self.v2 and freezer2.kill(self.v2):
            return
        directory = self._member_directory()
        for _ in range(KILL_ROUNDS):
            alive = membership.signal_all(directory, SIGKILL)
            self.thaw()
            if not alive:
                return
            time.sleep(0.001)


def _merge(into: dict[str, Any], more: dict[str, Any]) -> None:
    """cpu and cpuacct both report below "cpu"."""
    for key, value in more.items():
        into.setdefault(key, {}).update(value)


def _make_directory(directory: str) -> bool:
    """False where it is there already; OSError ENOENT where its parent is missing."""
    try:
        os.mkdir(directory, 0o755)
    except FileExistsError:
        return False
    return True


def _remove_directory(directory: str) -> bool:
    """False while it is busy."""
    try:
        os.rmdir(directory)
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno in (errno.EBUSY, errno.ENOTEMPTY):
            return False
        raise
    return True


def _make_v1(tree: Tree, directory: str, made: list[str]) -> None:
    """mkdir, with its parents; a cpuset ends up with processors and memory nodes in it."""
    try:
        if _make_directory(directory):
            made.append(directory)
    except FileNotFoundError:
        _make_v1_parent(tree, os.path.dirname(directory))
        if _make_directory(directory):
            made.append(directory)
    if "cpuset" in tree.controllers:
        cpuset.inherit(directory, tree.mountpoint)


def _make_v1_parent(tree: Tree, directory: str) -> None:
    try:
        _make_directory(directory)
    except FileNotFoundError:
        _make_v1_parent(tree, os.path.dirname(directory))
        _make_directory(directory)
    if "cpuset" in tree.controllers:
        cpuset.inherit(directory, tree.mountpoint)
        cpuset.make_inheritable(directory)


def _make_v2(tree: Tree, directory: str, wanted: list[str], made: list[str]) -> None:
    """mkdir, with its parents, in each of which the wanted controllers are handed down."""
    if os.path.isdir(directory):
        return
    parent = os.path.dirname(directory)
    if directory == tree.mountpoint:
        return
    _make_v2(tree, parent, wanted, [])
    _hand_down(parent, wanted)
    if _make_directory(directory):
        made.append(directory)


def _hand_down(directory: str, wanted: list[str]) -> None:
    """Enable controllers for the children; one that cannot be is left, its limits will say so.

    One at a time, since the kernel takes a whole line or nothing of it. EBUSY: the cgroup has
    processes of its own, so that domain controllers are barred ("no internal processes").
    """
    if not wanted:
        return
    enabled = interface.read_or(directory, "cgroup.subtree_control").split()
    offered = interface.read_or(directory, "cgroup.controllers").split()
    for controller in wanted:
        if controller in enabled or controller not in offered:
            continue
        try:
            interface.write(directory, "cgroup.subtree_control", f"+{controller}")
        except OSError as error:
            if error.errno not in (errno.EBUSY, errno.ENOENT, errno.EOPNOTSUPP, errno.EINVAL):
                raise


def _v2_controllers(hierarchies: Hierarchies, resources: dict[str, Any]) -> list[str]:
    """All on a version 2 machine; on a hybrid one only what is asked for and version 1 lacks."""
    if not hierarchies.v1:
        return list(V2)
    wanted = []
    if resources.get("hugepageLimits") and not hierarchies.tree("hugetlb"):
        wanted.append("hugetlb")
    wanted += [name.partition(".")[0] for name in resources.get("unified") or ()]
    return [name for name in dict.fromkeys(wanted) if not hierarchies.tree(name)]
