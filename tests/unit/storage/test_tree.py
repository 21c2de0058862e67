"""Trees: measured as du does, removed whatever their depth, never followed through links."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from wherry.storage import tree


def test_measure_is_what_du_says(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "file").write_bytes(b"x" * 100_000)
    os.link(tmp_path / "sub" / "file", tmp_path / "again")
    os.symlink("/etc", tmp_path / "link")
    said = subprocess.run(["du", "-sB1", tmp_path], capture_output=True, text=True, check=True)
    usage = tree.measure(os.fspath(tmp_path))
    assert usage.size == int(said.stdout.split()[0])
    assert usage.inodes == 4
    assert tree.length(os.fspath(tmp_path)) == 100_000


def test_remove_does_not_follow_links(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    (tmp_path / "doomed").mkdir()
    os.symlink(outside, tmp_path / "doomed" / "link")
    tree.remove(os.fspath(tmp_path / "doomed"))
    assert os.listdir(tmp_path) == ["outside"]
    assert os.listdir(outside) == ["kept"]


def test_remove_a_tree_deeper_than_descriptors_and_stack(tmp_path: Path) -> None:
    depth = 3000
    here = os.open(tmp_path, os.O_RDONLY)
    os.mkdir("doomed", dir_fd=here)
    name = "doomed"
    for _ in range(depth):
        below = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here, name = below, "d"
        os.mkdir(name, dir_fd=here)
    os.close(here)
    tree.remove(os.fspath(tmp_path / "doomed"))
    assert os.listdir(tmp_path) == []


def test_removing_nothing_is_no_error(tmp_path: Path) -> None:
    tree.remove(os.fspath(tmp_path / "nothing"))
    tree.remove(os.fspath(tmp_path / "no" / "parent"))


def test_open_beneath_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    os.symlink("real", tmp_path / "link")
    os.symlink("/etc/passwd", tmp_path / "passwd")
    with tree.opened_directory(os.fspath(tmp_path)) as root:
        for path in ("link", "link/x", "passwd", "../" + tmp_path.name, "/etc/passwd"):
            with pytest.raises(OSError):
                tree.open_beneath(root, path, os.O_RDONLY)
        os.close(tree.open_beneath(root, "real", os.O_RDONLY))
