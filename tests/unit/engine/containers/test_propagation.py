"""Which sources can take part in mounts passing on."""

from __future__ import annotations

from pathlib import Path

import pytest

from wherry.engine.containers import propagation
from wherry.engine.containers.record import MountPoint
from wherry.errors import Invalid

MOUNTINFO = r"""
21 1 8:1 / / rw - ext4 /dev/sda rw
22 21 0:5 / /mnt/a rw shared:7 - tmpfs tmpfs rw
23 21 0:6 / /mnt/b rw master:7 - tmpfs tmpfs rw
24 21 0:7 / /mnt/with\040blank rw shared:9 master:3 - tmpfs tmpfs rw
25 22 0:8 / /mnt/a rw - tmpfs tmpfs rw
26 25 0:9 / /mnt/a/below rw shared:11 - tmpfs tmpfs rw
""".lstrip()


@pytest.fixture
def mountinfo(tmp_path: Path) -> str:
    path = tmp_path / "mountinfo"
    path.write_text(MOUNTINFO)
    return str(path)


def point(source: str, kind: str) -> MountPoint:
    return MountPoint("bind", source, "/t", propagation=kind)


@pytest.mark.parametrize(
    ("source", "kind"),
    [("/mnt/a/below/x", "rshared"), ("/mnt/b", "rslave"), ("/mnt/with blank", "shared"),
     ("/srv", "rprivate"), ("/mnt/a/below", "slave")],
)  # fmt: skip
def test_what_passes_mounts_on(mountinfo: str, source: str, kind: str) -> None:
    propagation.check([point(source, kind)], mountinfo)


@pytest.mark.parametrize(
    ("source", "kind", "words"),
    [
        ("/srv", "shared", "path /srv is mounted on / but it is not a shared mount"),
        ("/mnt/b", "rshared", "mounted on /mnt/b but it is not a shared mount"),
        ("/srv", "slave", "it is not a shared or slave mount"),
        ("/mnt/a/x", "rslave", "mounted on /mnt/a but it is not a shared or slave mount"),
    ],
)
def test_what_does_not(mountinfo: str, source: str, kind: str, words: str) -> None:
    with pytest.raises(Invalid, match=words) as refused:
        propagation.check([point(source, kind)], mountinfo)
    assert "make-shared" in str(refused.value.hint)
