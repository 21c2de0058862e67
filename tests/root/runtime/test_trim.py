"""The launcher's mount namespace holds little, however odd the host's mounts are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.root.kernel.test_mount import in_own_namespace
from wherry.kernel import mount
from wherry.runtime.mount_trim import parse_mountinfo, trim

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def test_covered_and_kept_mounts(tmp_path: Path) -> None:
    for name in ("store", "other", "other/below"):
        (tmp_path / name).mkdir()
    before = Path("/proc/self/mountinfo").read_text()

    def work() -> None:
        mount.mount("tmpfs", str(tmp_path / "store"), "tmpfs")
        mount.mount("tmpfs", str(tmp_path / "other/below"), "tmpfs")
        mount.mount("tmpfs", str(tmp_path / "other"), "tmpfs")  # now "below" cannot be reached
        trim([str(tmp_path / "store")])
        left = [target for target, _ in parse_mountinfo(Path("/proc/self/mountinfo").read_bytes())]
        assert str(tmp_path / "store") in left
        assert str(tmp_path / "other") not in left
        assert "/dev/pts" not in left
        assert {"/", "/proc", "/sys"} <= set(left)

    assert in_own_namespace(work) == 0
    assert str(tmp_path) not in before
