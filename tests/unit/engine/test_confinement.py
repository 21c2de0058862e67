"""Mounts of a container that was made through a scoped socket."""

from __future__ import annotations

from pathlib import Path

import pytest

from wherry.engine.containers.confinement import (
    Confinement,
    below,
    harmless,
)
from wherry.engine.containers.mountpoints import Wanted, from_bind
from wherry.engine.containers.ownership import Ids
from wherry.engine.volumes.values import Volume
from wherry.errors import Denied, Invalid, NotFound


def bind(text: str) -> Wanted:
    return from_bind(text, lambda name: f"/volumes/{name}")


@pytest.mark.parametrize(
    ("path", "found"),
    [("/a", ""), ("/a/b/c", "b/c"), ("/ab", None), ("/", None), ("/b", None)],
)
def test_below(path: str, found: str | None) -> None:
    assert below(path, "/a") == found


def test_a_bind_is_kept_as_a_path_below_the_root(tmp_path: Path) -> None:
    (tmp_path / "x" / "y").mkdir(parents=True)
    held = Confinement(str(tmp_path))
    (wanted,) = held.confined([bind(f"{tmp_path}/x/../x/y:/y")], Ids(7, 8))
    assert (wanted.point.source, wanted.point.subpath) == (str(tmp_path), "x/y")
    assert wanted.point.create is False
    assert wanted.point.idmap == "7:8"


def test_root_keeps_what_it_asked_for(tmp_path: Path) -> None:
    (wanted,) = Confinement(str(tmp_path)).confined([bind(f"{tmp_path}:/y")], Ids(0, 0))
    assert (wanted.point.subpath, wanted.point.idmap) == ("", "")


def test_nothing_leads_out(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret").mkdir()
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "up").symlink_to("../secret")
    held = Confinement(str(root))
    with pytest.raises(Denied, match="cannot be mounted"):
        held.confined([bind(f"{root}/../secret:/y")], None)
    for name in ("link", "up", "missing"):
        with pytest.raises(Invalid, match="cannot be opened below"):
            held.confined([bind(f"{root}/{name}:/y")], None)
    with pytest.raises(Denied, match="no directory of the host"):
        Confinement().confined([bind(f"{root}:/y")], None)


def test_volumes_get_the_labels_or_have_them() -> None:
    held = Confinement("", {"team": "ci"})
    wanted = held.confined([bind("data:/y"), bind("/anonymous")], None)
    assert [each.volume and each.volume.labels for each in wanted] == [
        {"team": "ci"},
        {"com.docker.volume.anonymous": "", "team": "ci"},
    ]

    def find(labels: dict[str, str], options: dict[str, str] | None = None) -> Volume:
        return Volume("data", 1, labels, options)

    def missing(name: str) -> Volume:
        raise NotFound(name)

    held.check_volumes(wanted, missing)
    held.check_volumes(wanted, lambda name: find({"team": "ci", "more": ""}))
    with pytest.raises(Invalid, match="no such volume"):
        held.check_volumes(wanted, lambda name: find({"team": "other"}))
    with pytest.raises(Denied, match="lead to the host's files"):
        held.check_volumes(
            wanted, lambda name: find({"team": "ci"}, {"o": "bind", "device": "/etc"})
        )


@pytest.mark.parametrize(
    ("options", "good"),
    [
        (None, True),
        ({}, True),
        ({"type": "nfs", "o": "addr=10.0.0.1", "device": ":/x"}, True),
        ({"type": "tmpfs", "device": "tmpfs"}, True),
        ({"type": "none", "o": "bind", "device": "/"}, False),
        ({"type": "ext4", "device": "/dev/sda1"}, False),
        ({"device": "/x"}, False),
        ({"type": "tmpfs", "o": "bind", "device": "/etc"}, False),
    ],
)
def test_harmless(options: dict[str, str] | None, good: bool) -> None:
    assert harmless(Volume("v", 1, None, options)) is good
