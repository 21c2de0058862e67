"""Volumes: from paths and descriptors, read-only, propagation, id maps, hostile targets."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.root.runtime.driver import Driver, spec
from wherry.kernel.mount import MNT_DETACH, clone_tree, mount, umount


def with_bind(source: Any, target: str, *options: str, script: str) -> dict[str, Any]:
    """A container that runs `script` with one more mount."""
    wanted = spec("sh", "-c", script)
    wanted["mounts"].append(
        {"destination": target, "type": "bind", "source": source, "options": list(options)}
    )
    return wanted


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    path = tmp_path / "volume"
    path.mkdir()
    (path / "file").write_text("content\n")
    return path


def test_path_is_written_through(driver: Driver, volume: Path) -> None:
    script = "cat /data/deep/file; echo new > /data/deep/made"
    assert driver.run(with_bind(str(volume), "/data/deep", "rbind", script=script)).output == (
        "content\n"
    )
    assert (volume / "made").read_text() == "new\n"


def test_a_file_is_bound_where_none_was(driver: Driver, volume: Path) -> None:
    wanted = with_bind(str(volume / "file"), "/srv/a/b", "bind", script="cat /srv/a/b")
    assert driver.run(wanted).output == "content\n"


def test_descriptor_as_source(driver: Driver, volume: Path) -> None:
    fd = clone_tree(str(volume))
    result = driver.run(
        with_bind(("fd", 0), "/data", "ro", script="cat /data/file; touch /data/x"), fds=[fd]
    )
    os.close(fd)
    assert result.output == "content\n"
    assert "Read-only file system" in result.stderr


@pytest.mark.parametrize(("option", "writable_below"), [("ro", True), ("rro", False)])
def test_read_only_with_and_without_what_is_below(
    driver: Driver, volume: Path, option: str, writable_below: bool
) -> None:
    below = volume / "below"
    below.mkdir()
    mount("tmpfs", str(below), "tmpfs")
    try:
        script = "touch /data/x; touch /data/below/y && echo yes"
        # A descriptor, as from the daemon: the launcher does not see the host's later mounts.
        fd = clone_tree(str(volume), recursive=True)
        wanted = with_bind(("fd", 0), "/data", "rbind", option, script=script)
        result = driver.run(wanted, fds=[fd])
        os.close(fd)
    finally:
        umount(str(below), MNT_DETACH)
    assert "can't" in result.stderr or "Read-only" in result.stderr
    assert (result.output == "yes\n") == writable_below


def test_options_that_would_lift_a_restriction_do_not(driver: Driver, volume: Path) -> None:
    fd = clone_tree(str(volume))
    from wherry.kernel.mount import MOUNT_ATTR_RDONLY, mount_setattr

    mount_setattr(fd, "", 0, MOUNT_ATTR_RDONLY)
    wanted = with_bind(("fd", 0), "/data", "rw", script="touch /data/x")
    assert "Read-only file system" in driver.run(wanted, fds=[fd]).stderr
    os.close(fd)


@pytest.mark.parametrize(
    ("option", "word"), [("rprivate", ""), ("rslave", "master:"), ("rshared", "shared:")]
)
def test_propagation(driver: Driver, tmp_path: Path, option: str, word: str) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    mount("tmpfs", str(shared), "tmpfs")
    mount("", str(shared), "", 1 << 20)
    try:
        fd = clone_tree(str(shared))
        wanted = with_bind(
            ("fd", 0), "/data", "rbind", option, script="grep ' /data ' /proc/self/mountinfo"
        )
        fields = driver.run(wanted, fds=[fd]).output.split(" - ")[0].split()[6:]
        os.close(fd)
    finally:
        umount(str(shared), MNT_DETACH)
    assert all(field.startswith(word) for field in fields) == (bool(word) or not fields)
    assert bool(fields) == bool(word)


def test_idmapped_volume(driver: Driver, volume: Path) -> None:
    os.chown(volume / "file", 1000, 1000)
    os.chown(volume, 1000, 1000)
    wanted = with_bind(
        str(volume), "/data", "rbind", script="stat -c '%u %g' /data/file; touch /data/made"
    )
    for name in ("uidMappings", "gidMappings"):
        wanted["mounts"][-1][name] = [
            {"containerID": 1000, "hostID": 0, "size": 1},
            {"containerID": 0, "hostID": 1000, "size": 1},
        ]
    result = driver.run(wanted)
    assert result.error == {}, result
    assert result.output == "0 0\n"
    assert (volume / "made").stat().st_uid == 1000


def test_targets_stay_inside(driver: Driver, volume: Path, tmp_path: Path) -> None:
    (driver.rootfs / "out").symlink_to(f"/../../../..{tmp_path}")
    (driver.rootfs / "jump").symlink_to("/proc/1/root")
    wanted = with_bind(str(volume), "/out/made", "rbind", script="cat /out/made/file")
    result = driver.run(wanted)
    assert result.output == "content\n" or result.error
    assert not (tmp_path / "made").exists()
    error = driver.run(with_bind(str(volume), "/jump/etc", script="true")).error
    assert error["step"] == "bind"


def test_tmpfs_takes_the_mode_it_covers_and_copies_up(driver: Driver) -> None:
    wanted = spec("sh", "-c", "stat -c %a /tmp /home; cat /etc/passwd | wc -l; stat -c %u /etc/x")
    directory = driver.rootfs / "etc/x"
    directory.mkdir()
    os.chown(directory, 42, 42)
    wanted["mounts"] += [
        {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["size=1m"]},
        {"destination": "/etc", "type": "tmpfs", "source": "tmpfs", "options": ["tmpcopyup"]},
    ]
    assert driver.run(wanted).output.split() == ["1777", "755", "2", "42"]
