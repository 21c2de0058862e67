from __future__ import annotations

import pytest

from wherry.runtime.mount_trim import keeps, parse_mountinfo

KEPT = ["/var/lib/wherry", "/run/wherry/stage"]


@pytest.mark.parametrize(
    ("target", "kind", "kept"),
    [
        ("/", "ext4", True),
        ("/proc", "proc", True),
        ("/sys/fs/cgroup/pids", "cgroup", True),
        ("/var", "xfs", True),
        ("/run", "tmpfs", True),
        ("/var/lib/wherry", "btrfs", True),
        ("/var/lib/wherry/layers", "xfs", True),
        ("/var/lib/wherry/snapshots/x/merged", "overlay", False),
        ("/var/lib/wherry2", "ext4", False),
        ("/home", "ext4", False),
        ("/proc/sys/fs/binfmt_misc", "binfmt_misc", False),
        ("/dev/pts", "devpts", False),
    ],
)
def test_what_stays(target: str, kind: str, kept: bool) -> None:
    assert keeps(target, kind, KEPT) is kept


def test_mountinfo_with_and_without_optional_fields_and_blanks() -> None:
    text = (
        b"22 27 0:21 / /proc rw - proc proc rw\n"
        b"30 27 8:1 / /mnt/two\\040words\\134x rw shared:1 master:2 - ext4 /dev/sda1 rw\n"
    )
    assert parse_mountinfo(text) == [("/proc", "proc"), ("/mnt/two words\\x", "ext4")]
