"""Where the cgroup hierarchies of this machine are mounted: version 1, 2, or both (hybrid).

A machine with version 1 has one directory tree per controller (or set of controllers), one with
version 2 a single tree. "Hybrid" is version 1 with a version 2 tree beside it that usually has no
controller. A path given to us is absolute (from the root of each tree, as far as it is mounted) or
relative to the cgroup in which this process runs, as runc reads `linux.cgroupsPath`.

Sources: cgroups(7); proc(5) for mountinfo and /proc/PID/cgroup.
"""

from __future__ import annotations

V1_CONTROLLERS = frozenset(
    (
        "blkio",
        "cpu",
        "cpuacct",
        "cpuset",
        "devices",
        "freezer",
        "hugetlb",
        "memory",
        "misc",
        "net_cls",
        "net_prio",
        "perf_event",
        "pids",
        "rdma",
    )
)


class Tree:
    """One mounted hierarchy."""

    __slots__ = ("controllers", "mountpoint", "own")

    def __init__(self, controllers: tuple[str, ...], mountpoint: str, own: str) -> None:
        """`controllers` of version 1 ("name=systemd" for a named one), none for version 2.

        `own` is the cgroup of this process below `mountpoint`, "/" for the root.
        """
        self.controllers = controllers
        self.mountpoint = mountpoint
        self.own = own

    def directory(self, path: str) -> str:
        """The directory of cgroup `path`: absolute, or relative to this process's own cgroup.

        In version 2 relative means beside our own: below it no limit could work, since a cgroup
        that has processes hands no controller down ("no internal processes"). So does runc.
        """
        if path.startswith("/"):
            start = self.mountpoint
        elif self.controllers:
            start = self.mountpoint + self.own
        else:
            start = self.mountpoint + self.own.rpartition("/")[0]
        return f"{start.rstrip('/')}/{path.strip('/')}".rstrip("/")


class Hierarchies:
    """The trees of this machine."""

    __slots__ = ("v1", "v2")

    def __init__(self, v1: tuple[Tree, ...], v2: Tree | None) -> None:
        """`v1`: one `Tree` per mounted hierarchy of version 1; `v2`: the unified one, if any."""
        self.v1 = v1
        self.v2 = v2

    @property
    def mode(self) -> str:
        """ "v1", "hybrid", "v2" or "none"."""
        if self.v1:
            return "hybrid" if self.v2 else "v1"
        return "v2" if self.v2 else "none"

    def tree(self, controller: str) -> Tree | None:
        """The tree of version 1 that has `controller`, if any."""
        for tree in self.v1:
            if controller in tree.controllers:
                return tree
        return None


def detect() -> Hierarchies:
    """Read the trees from /proc; OSError when /proc is not there."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        mountinfo = file.read()
    with open("/proc/self/cgroup", encoding="utf-8", errors="surrogateescape") as file:
        membership = file.read()
    return parse(mountinfo, membership)


def parse(mountinfo: str, membership: str) -> Hierarchies:
    """`detect` without the reading: the texts of /proc/self/mountinfo and /proc/self/cgroup."""
    own = _own_paths(membership)
    v1: dict[tuple[str, ...], Tree] = {}
    v2 = None
    for line in mountinfo.splitlines():
        before, found, after = line.partition(" - cgroup")
        if not found:
            continue
        root, mountpoint = (_unescape(field) for field in before.split()[3:5])
        if after.startswith("2 "):
            v2 = v2 or Tree((), mountpoint, _below(own.get("", "/"), root))
            continue
        controllers = _controllers(after.split()[-1])
        if controllers and controllers not in v1:
            path = own.get(controllers[0], "/")
            v1[controllers] = Tree(controllers, mountpoint, _below(path, root))
    return Hierarchies(tuple(v1.values()), v2)


def _controllers(super_options: str) -> tuple[str, ...]:
    names = super_options.split(",")
    return tuple(name for name in names if name in V1_CONTROLLERS or name.startswith("name="))


def _own_paths(membership: str) -> dict[str, str]:
    """Controller (or "name=...", or "" for version 2) -> path of this process's cgroup."""
    paths = {}
    for line in membership.splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            paths[controller] = path
    return paths


def _below(path: str, root: str) -> str:
    """`path` seen from a mount whose root is the cgroup `root` (a container's own view)."""
    if root == "/":
        return path
    if path == root or path.startswith(root + "/"):
        return path[len(root) :] or "/"
    return "/"


def _unescape(field: str) -> str:
    """Mountinfo writes space, tab, newline and backslash as three octal digits."""
    if "\\" not in field:
        return field
    head, *rest = field.split("\\")
    return head + "".join(chr(int(part[:3], 8)) + part[3:] for part in rest)
