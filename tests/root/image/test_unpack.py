"""Unpacking: what GNU tar makes of an archive, we make of it; and the archive can be made again."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.root.image.harness import (
    Engine,
    device,
    directory,
    file,
    hard_link,
    opaque,
    picture,
    symlink,
    tar,
)
from wherry.storage.layer import UnpackedLayer

CAPABILITY = bytes.fromhex("0100000200040000000000000000000000000000")  # cap_net_bind_service+p


def make_tree(root: Path) -> None:
    """A bit of everything that a layer can hold."""
    root.mkdir()
    (root / "dir").mkdir()
    (root / "dir" / "file").write_bytes(b"content" * 1000)
    (root / "dir" / "empty").touch()
    os.link(root / "dir" / "file", root / "zlink")
    os.symlink("../nowhere", root / "dir" / "dangling")
    os.symlink("dir/file", root / "good")
    os.link(root / "good", root / "good2", follow_symlinks=False)
    os.mkfifo(root / "fifo", 0o640)
    os.mknod(root / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.mknod(root / "disk", stat.S_IFBLK | 0o660, os.makedev(8, 300))
    (root / ("n" * 240)).write_bytes(b"long name")
    deep = root.joinpath(*["d" * 100] * 5)
    deep.mkdir(parents=True)
    (deep / "f").write_bytes(b"deep")
    os.symlink("t" * 300, root / "long-target")
    (root / "ünïcode \n newline").write_bytes(b"x")
    (root / os.fsdecode(b"not-utf8-\xff")).write_bytes(b"y")
    program = root / "setuid"
    program.write_bytes(b"#!")
    os.chown(program, 1000, 2000)
    program.chmod(0o6755)
    (root / "capable").write_bytes(b"#!")
    os.setxattr(root / "capable", "security.capability", CAPABILITY)
    os.setxattr(root / "capable", "user.note", b"\0binary\xff")
    (root / "far").write_bytes(b"")
    os.chown(root / "far", 4_000_000_000, 3_000_000_000)
    (root / "sticky").mkdir()
    (root / "sticky").chmod(0o3777)
    os.chown(root / "sticky", 5, 6)
    os.truncate(root / "dir" / "empty", 0)
    with (root / "sparse").open("wb") as sparse:
        for offset in (0, 1 << 20, 3 << 20, 40 << 20):
            sparse.seek(offset)
            sparse.write(b"data" * 1024)
        sparse.truncate(50 << 20)
    for number in range(60):  # more than one old GNU sparse header holds
        with (root / "sparse2").open("r+b" if number else "wb") as sparse:
            sparse.seek(number << 17)
            sparse.write(b"z" * 4096)
    for moment, path in enumerate([root / "dir" / "file", root / "dir", root / "sticky", root]):
        os.utime(path, ns=(1, 1_500_000_000_123_456_789 + moment))
    os.utime(root / "good", ns=(1, 1_400_000_000_000_000_001), follow_symlinks=False)
    os.utime(root / "far", ns=(-5_000_000_000, -5_000_000_000))


FORMS = {
    "pax": ["--format=posix", "--xattrs", "--xattrs-include=*"],
    "pax, sparse 1.0": ["--format=posix", "--xattrs", "--xattrs-include=*", "--sparse"],
    "pax, sparse 0.1": ["--format=posix", "--sparse", "--sparse-version=0.1"],
    "pax, sparse 0.0": ["--format=posix", "--sparse", "--sparse-version=0.0"],
    "gnu": ["--format=gnu"],
    "gnu, sparse": ["--format=gnu", "--sparse"],
}


@pytest.mark.parametrize("form", FORMS)
def test_the_same_tree_as_gnu_tar_makes(engine: Engine, tmp_path: Path, form: str) -> None:
    make_tree(tmp_path / "tree")
    archive, theirs = tmp_path / "tree.tar", tmp_path / "theirs"
    command = ["tar", "-C", tmp_path / "tree", "--numeric-owner", *FORMS[form], "-cf", archive, "."]
    subprocess.run(command, check=True)
    theirs.mkdir()
    subprocess.run(
        ["tar", "-C", theirs, "-xpf", archive, "--numeric-owner", "--xattrs",
         "--xattrs-include=*"],
        check=True,
    )  # fmt: skip
    data = archive.read_bytes()

    def check(unpacked: UnpackedLayer) -> None:
        diff = engine.layers.diff_path(unpacked.diff_id)
        assert picture(diff) == picture(theirs)
        assert os.stat(diff).st_mtime_ns == os.stat(theirs).st_mtime_ns
        assert unpacked.diff_id == f"sha256:{hashlib.sha256(data).hexdigest()}"
        assert b"".join(engine.layers.tar(unpacked.diff_id)) == data
        if "sparse" in form:
            assert os.stat(f"{diff}/sparse").st_blocks * 512 < 1 << 20

    engine.with_layer(data, check)
    assert engine.nothing_left()


COMPRESSORS = {"gzip": ["gzip", "-c"], "xz": ["xz", "-c"], "bzip2": ["bzip2", "-c"]}


@pytest.mark.parametrize("kind", COMPRESSORS)
def test_both_digests_of_a_compressed_layer(engine: Engine, kind: str) -> None:
    if shutil.which(kind) is None:
        pytest.skip(f"needs {kind}")
    plain = tar([file("a", b"x" * 100_000)])
    packed = subprocess.run(COMPRESSORS[kind], input=plain, capture_output=True, check=True).stdout

    def check(unpacked: UnpackedLayer) -> None:
        assert unpacked.diff_id == f"sha256:{hashlib.sha256(plain).hexdigest()}"
        assert unpacked.blob_digest == f"sha256:{hashlib.sha256(packed).hexdigest()}"

    engine.with_layer(packed, check)


def test_duplicates_replace_and_the_tar_can_still_be_made_again(engine: Engine) -> None:
    data = tar(
        [
            file("f", b"first"),
            hard_link("kept", "f"),
            file("f", b"second!"),
            directory("d"),
            file("d/inner", b"inner"),
            symlink("d", "elsewhere"),
            file("d2", b"a file first"),
            directory("d2"),
            file("d2/inner", b"then a directory"),
            symlink("l", "d2"),
            file("l/through", b"through a link"),
            file("l", b"no link any more"),
            directory("d3", mtime=5),
            directory("d3", mode=0o700, mtime=7),
            device("n", tarfile.CHRTYPE, 1, 3),
            file("n", b"was a device"),
            file("d2/inner", b"replaced again"),
        ]
    )

    def check(unpacked: UnpackedLayer) -> None:
        diff = Path(engine.layers.diff_path(unpacked.diff_id))
        assert (diff / "f").read_bytes() == b"second!"
        assert (diff / "kept").read_bytes() == b"first"
        assert os.readlink(diff / "d") == "elsewhere"
        assert (diff / "d2" / "inner").read_bytes() == b"replaced again"
        assert (diff / "d2" / "through").read_bytes() == b"through a link"
        assert (diff / "l").read_bytes() == b"no link any more"
        assert (diff / "n").read_bytes() == b"was a device"
        assert stat.S_IMODE((diff / "d3").stat().st_mode) == 0o700
        assert (diff / "d3").stat().st_mtime == 7
        assert b"".join(engine.layers.tar(unpacked.diff_id)) == data

    engine.with_layer(data, check)
    assert engine.nothing_left()


def test_whiteouts_take_overlayfs_form_and_hide_lower_layers_only(engine: Engine) -> None:
    data = tar(
        [
            directory("etc"),
            file("etc/.wh.gone"),
            directory("var"),
            file("var/.wh..wh..opq"),
            file("var/new", b"x"),
            file("mine", b"kept: a whiteout hides lower layers"),
            file(".wh.mine"),
            file(".wh.later"),
            file("later", b"replaces its whiteout"),
            file(".wh.dir"),
            directory("dir"),
            file("dir/x"),
            directory("dir2"),
            file(".wh.dir2"),
            file(".wh..wh.aufs", b"meta data of another driver"),
        ]
    )

    def check(unpacked: UnpackedLayer) -> None:
        diff = engine.layers.diff_path(unpacked.diff_id)
        gone = os.lstat(f"{diff}/etc/gone")
        assert stat.S_ISCHR(gone.st_mode)
        assert gone.st_rdev == 0
        assert opaque(f"{diff}/var")
        assert not opaque(f"{diff}/etc")
        assert os.path.isfile(f"{diff}/mine")
        assert os.path.isfile(f"{diff}/later")
        assert opaque(f"{diff}/dir")
        assert opaque(f"{diff}/dir2")
        names = sorted(os.listdir(diff))
        assert names == ["dir", "dir2", "etc", "later", "mine", "var"]
        assert b"".join(engine.layers.tar(unpacked.diff_id)) == data

    engine.with_layer(data, check)


def test_implied_directories_and_no_end_mark(engine: Engine) -> None:
    data = tar([file("a/b/c", b"x")])[: 512 * 2]

    def check(unpacked: UnpackedLayer) -> None:
        path = Path(engine.layers.diff_path(unpacked.diff_id), "a", "b")
        assert (path / "c").read_bytes() == b"x"
        assert stat.S_IMODE(path.stat().st_mode) == 0o755

    engine.with_layer(data, check)


def test_overlayfs_own_attributes_are_not_taken_from_an_archive(engine: Engine) -> None:
    hostile = {
        "SCHILY.xattr.trusted.overlay.redirect": "/etc",
        "SCHILY.xattr.trusted.overlay.metacopy": "x",
        "SCHILY.xattr.user.ok": "yes",
    }
    data = tar([directory("d", pax_headers=hostile), file("f", b"", pax_headers=hostile)])

    def check(unpacked: UnpackedLayer) -> None:
        diff = engine.layers.diff_path(unpacked.diff_id)
        assert os.listxattr(f"{diff}/d") == ["user.ok"]
        assert os.listxattr(f"{diff}/f") == ["user.ok"]

    engine.with_layer(data, check)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_hundred_thousand_files(engine: Engine) -> None:
    count = 100_000 if os.environ.get("WHERRY_LONG") else 10_000
    members = [file(f"d{number // 400}/{number}", b"%d" % number) for number in range(count)]
    data = tar(members, tarfile.GNU_FORMAT)

    def check(unpacked: UnpackedLayer) -> None:
        assert unpacked.entries == count
        hashed = hashlib.sha256()
        for portion in engine.layers.tar(unpacked.diff_id):
            hashed.update(portion)
        assert unpacked.diff_id == f"sha256:{hashed.hexdigest()}"

    engine.with_layer(data, check)
    assert engine.nothing_left()
