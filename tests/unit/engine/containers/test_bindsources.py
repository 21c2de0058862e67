"""Bind sources that are not there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wherry.engine.containers import bindsources
from wherry.engine.containers.config import BindOptions, ContainerConfig, HostConfig, Mount
from wherry.engine.containers.mountpoints import from_bind, mount_points
from wherry.engine.containers.ownership import Ids
from wherry.engine.containers.record import Container, MountPoint
from wherry.errors import Invalid, NotFound


def point(source: Path, target: str = "/data", **more: object) -> MountPoint:
    return MountPoint("bind", str(source), target, create=True, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("source", "target", "warned"),
    [
        ("app.conf", "/data", "app.conf"),
        ("Caddyfile", "/etc/caddy/server.yaml", "/etc/caddy/server.yaml"),
        ("conf.d", "/etc/conf.d", ""),
        ("app-1.2", "/srv", ""),
        (".cache", "/cache", ""),
        ("data", "/data", ""),
    ],
)
def test_a_name_like_a_file_s_is_warned_about(
    tmp_path: Path, source: str, target: str, warned: str
) -> None:
    warnings = bindsources.warnings([point(tmp_path / source, target)])
    assert len(warnings) == bool(warned)
    assert all(str(tmp_path / source) in each and warned in each for each in warnings)


def test_what_is_there_is_not_warned_about(tmp_path: Path) -> None:
    (tmp_path / "a.conf").touch()
    (tmp_path / "b.conf").symlink_to("nowhere")
    assert not bindsources.warnings([point(tmp_path / "a.conf"), point(tmp_path / "b.conf")])


def test_directories_are_made_with_those_above(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to("there")
    bindsources.prepare([point(tmp_path / "link" / "a" / "b")])
    assert (tmp_path / "there" / "a" / "b").is_dir()
    assert (tmp_path / "there").stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="giving files away needs root")
def test_what_is_made_is_the_caller_s_and_nothing_else(tmp_path: Path) -> None:
    bindsources.prepare([point(tmp_path / "a" / "b", maker="4711:4712")])
    for made in (tmp_path / "a", tmp_path / "a" / "b"):
        assert (made.stat().st_uid, made.stat().st_gid) == (4711, 4712)
    assert tmp_path.stat().st_uid == 0


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Invalid, match=f"mkdir {tmp_path}/file: Not a directory"):
        bindsources.prepare([point(tmp_path / "file" / "below")])


def test_a_source_that_nobody_promised_to_make(tmp_path: Path) -> None:
    gone = MountPoint("bind", str(tmp_path / "gone"), "/data")
    with pytest.raises(Invalid, match="does not exist"):
        bindsources.prepare([gone])
    assert not (tmp_path / "gone").exists()


def nobody(name: str) -> Container:
    raise NotFound(name)


@pytest.mark.parametrize(("caller", "maker"), [(None, ""), (Ids(0, 0), ""), (Ids(7, 8), "7:8")])
def test_the_caller_is_remembered(tmp_path: Path, caller: Ids | None, maker: str) -> None:
    host = HostConfig(binds=(f"{tmp_path}/gone:/data",))
    (wanted,) = mount_points(ContainerConfig(), host, str, nobody, caller)
    assert (wanted.point.create, wanted.point.maker) == (True, maker)


def test_a_profile_may_refuse(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="does not exist"):
        from_bind(f"{tmp_path}/gone:/data", str, create=False)
    there = from_bind(f"{tmp_path}:/data:ro", str, create=False).point
    assert (there.create, there.mode) == (False, "ro")


def test_no_profile_refuses_what_a_mount_asks_for(tmp_path: Path) -> None:
    asked = Mount(
        "bind", f"{tmp_path}/gone", "/d", bind_options=BindOptions(create_mountpoint=True)
    )
    host = HostConfig(mounts=(asked,))
    (wanted,) = mount_points(ContainerConfig(), host, str, nobody, Ids(7, 8), create=False)
    assert (wanted.point.create, wanted.point.maker, wanted.point.mode) == (True, "7:8", "")
