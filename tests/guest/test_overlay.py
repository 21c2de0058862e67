"""File systems on a kernel older than the newest interfaces: Debian's 6.1."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wherry.kernel import mount, namespace
from wherry.kernel import overlay as overlays
from wherry.kernel.fd import AT_RECURSIVE


@pytest.fixture
def stage(tmp_path: Path) -> str:
    (tmp_path / "stage").mkdir()
    return str(tmp_path / "stage")


def test_127_layers_with_long_names(tmp_path: Path, stage: str) -> None:
    layers = []
    for number in range(127):
        layer = tmp_path / ("x" * 60) / f"sha256-{number:064}"
        layer.mkdir(parents=True)
        (layer / str(number)).write_text("here")
        (layer / "same").write_text(str(number))
        layers.append(f"lowerdir+={layer}")
    for name in ("upper", "work"):
        (tmp_path / name).mkdir()
    own = [f"upperdir={tmp_path / 'upper'}", f"workdir={tmp_path / 'work'}"]
    root = overlays.overlay([*layers, *own], stage=stage)
    top = os.open(".", os.O_RDONLY, dir_fd=root)
    try:
        assert sum(name.isdigit() for name in os.listdir(top)) == 127
        same = os.open("same", os.O_RDONLY, dir_fd=root)
        assert os.read(same, 10) == b"0"
        os.close(same)
        os.mkdir("new", dir_fd=root)
        assert (tmp_path / "upper" / "new").is_dir()
    finally:
        os.close(top)
        os.close(root)
    assert stage not in Path("/proc/self/mounts").read_text()


def test_a_missing_layer_is_named(tmp_path: Path, stage: str) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        overlays.overlay([f"lowerdir+={tmp_path / 'gone'}"], stage=stage)
    assert caught.value.filename == str(tmp_path / "gone")


def test_a_bind_mount_is_mapped_to_other_owners(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)  # we have no rights by our number: it is none of the mapped ones
    (tmp_path / "file").touch()
    os.chown(tmp_path / "file", 1000, 1000)
    users = namespace.open_mapped_user_namespace(b"1000 5000 1\n", b"1000 6000 1\n")
    tree = mount.clone_tree(str(tmp_path))
    mount.mount_setattr(tree, "", AT_RECURSIVE, mount.MOUNT_ATTR_IDMAP, userns_fd=users)
    info = os.stat("file", dir_fd=tree)
    assert (info.st_uid, info.st_gid) == (5000, 6000)
    os.close(tree)
    os.close(users)
