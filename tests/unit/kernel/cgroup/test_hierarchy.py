"""Hierarchies from the texts of /proc: every layout that machines have."""

from __future__ import annotations

from wherry.kernel.cgroup import hierarchy

V1 = """\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
34 31 0:31 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
"""
UNIFIED = "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"
V2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
MEMBERSHIP = """\
4:memory:/system.slice/x.service
2:cpu,cpuacct:/
1:name=systemd:/user
0::/
"""


def test_v1_has_one_tree_per_mount() -> None:
    found = hierarchy.parse(V1, MEMBERSHIP)
    assert found.mode == "v1"
    assert [tree.controllers for tree in found.v1] == [
        ("cpu", "cpuacct"),
        ("memory",),
        ("name=systemd",),
    ]
    assert found.tree("cpuacct") is found.tree("cpu")
    assert found.tree("pids") is None


def test_paths_are_absolute_or_below_our_own_cgroup() -> None:
    memory = hierarchy.parse(V1, MEMBERSHIP).tree("memory")
    assert memory is not None
    assert memory.directory("/wherry/x") == "/sys/fs/cgroup/memory/wherry/x"
    assert memory.directory("x") == "/sys/fs/cgroup/memory/system.slice/x.service/x"


def test_hybrid_has_both() -> None:
    found = hierarchy.parse(V1 + UNIFIED, MEMBERSHIP)
    assert found.mode == "hybrid"
    assert found.v2 is not None
    assert found.v2.mountpoint == "/sys/fs/cgroup/unified"


def test_v2_alone() -> None:
    found = hierarchy.parse(V2, "0::/init.scope\n")
    assert found.mode == "v2"
    assert found.v2 is not None
    assert found.v2.directory("a") == "/sys/fs/cgroup/a"  # beside ours
    assert found.v2.directory("/") == "/sys/fs/cgroup"


def test_inside_a_container_the_mount_shows_its_own_part() -> None:
    line = "34 31 0:31 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"
    tree = hierarchy.parse(line, "4:memory:/docker/abc/sub\n").tree("memory")
    assert tree is not None
    assert tree.own == "/sub"
    assert tree.directory("x") == "/sys/fs/cgroup/memory/sub/x"


def test_a_mount_that_does_not_show_our_cgroup_counts_from_its_root() -> None:
    line = "34 31 0:31 /other /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"
    tree = hierarchy.parse(line, "4:memory:/docker/abc\n").tree("memory")
    assert tree is not None
    assert tree.own == "/"


def test_no_cgroups_at_all() -> None:
    assert hierarchy.parse("22 27 0:21 / /proc rw - proc proc rw\n", "0::/\n").mode == "none"


def test_escaped_mount_points() -> None:
    line = r"30 23 0:26 / /mnt/a\040b rw - cgroup2 cgroup2 rw" + "\n"
    found = hierarchy.parse(line, "0::/\n")
    assert found.v2 is not None
    assert found.v2.mountpoint == "/mnt/a b"
