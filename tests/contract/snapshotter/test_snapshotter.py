"""The contract of `Snapshotter`, held by every implementation, with real mounts."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.root.image.harness import (
    Engine,
    Member,
    directory,
    file,
    hard_link,
    picture,
    symlink,
    tar,
)
from wherry.errors import Conflict, Invalid, NotFound
from wherry.image import tarwriter
from wherry.image.unpacking import unpack_stream
from wherry.kernel import mount
from wherry.storage.snapshot import Snapshotter
from wherry.storage.stores import DRIVERS

BASE: list[Member] = [
    directory("etc", mtime=10),
    file("etc/passwd", b"root:x:0:0", mtime=11),
    file("etc/group", b"root:x:0:"),
    directory("tmp", mode=0o1777),
    directory("var"),
    directory("var/lib"),
    file("var/lib/a", b"a"),
    file("var/lib/b", b"bb"),
    symlink("link", "etc/passwd"),
    file("one", b"linked"),
    hard_link("two", "one"),
    file("doomed", b"x", uid=5, gid=6, mode=0o4711),
]
TOP: list[Member] = [
    directory("./", mode=0o750, uid=7, gid=8, mtime=99),
    directory("etc", mode=0o700),
    file("etc/group", b"changed"),
    file("etc/new", b"new"),
    file(".wh.doomed"),
    directory("var"),
    directory("var/lib"),
    file("var/lib/.wh..wh..opq"),
    file("var/lib/c", b"ccc"),
]


@pytest.fixture(autouse=True)
def _needs_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")


@pytest.fixture(params=list(DRIVERS))
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    made = Engine(tmp_path / "engine", request.param)
    yield made
    made.stores.close()


@pytest.fixture
def snapshotter(engine: Engine) -> Snapshotter:
    return engine.stores.snapshotter


@contextmanager
def mounted(snapshotter: Snapshotter, key: str, tmp_path: Path) -> Iterator[Path]:
    """The snapshot on a directory, as a container would see it."""
    target = tmp_path / "mnt"
    target.mkdir(exist_ok=True)
    for one in snapshotter.mounts(key):
        assert isinstance(one.source, str)
        if one.type == "bind":
            mount.mount(one.source, str(target), flags=mount.MS_BIND)
        else:
            options = _classic(one.options)
            mount.mount(one.source, str(target), one.type, data=options)
    try:
        yield target
    finally:
        mount.umount(str(target))


def _classic(options: list[str]) -> str:
    lowers = [option.partition("=")[2] for option in options if option.startswith("lowerdir+")]
    rest = [option for option in options if not option.startswith("lowerdir+")]
    return ",".join([f"lowerdir={':'.join(lowers)}", *rest])


@contextmanager
def prepared(engine: Engine, key: str, *archives: list[Member]) -> Iterator[list[str]]:
    """A snapshot over layers made of these members."""
    with engine.stores.collector.lease() as lease:
        layers = [
            unpack_stream(engine.layers, [tar(members)], lease)[0].diff_id for members in archives
        ]
        engine.stores.snapshotter.prepare(key, layers)
    yield layers
    engine.stores.snapshotter.remove(key)


def test_the_merged_view(engine: Engine, snapshotter: Snapshotter, tmp_path: Path) -> None:
    with prepared(engine, "box", BASE, TOP), mounted(snapshotter, "box", tmp_path) as root:
        assert sorted(os.listdir(root)) == ["etc", "link", "one", "tmp", "two", "var"]
        assert sorted(os.listdir(root / "etc")) == ["group", "new", "passwd"]
        assert os.listdir(root / "var" / "lib") == ["c"]
        assert (root / "etc" / "group").read_bytes() == b"changed"
        assert os.readlink(root / "link") == "etc/passwd"
        assert stat.S_IMODE((root / "tmp").stat().st_mode) == 0o1777
        top = root.stat()
        assert (stat.S_IMODE(top.st_mode), top.st_uid, top.st_gid) == (0o750, 7, 8)
        assert snapshotter.changes("box") == []


def test_no_layers_at_all(engine: Engine, snapshotter: Snapshotter, tmp_path: Path) -> None:
    with prepared(engine, "box"), mounted(snapshotter, "box", tmp_path) as root:
        (root / "hello").write_bytes(b"x")
        assert [(change.letter, change.path) for change in snapshotter.changes("box")] == [
            ("A", "/hello")
        ]


def test_changes(engine: Engine, snapshotter: Snapshotter, tmp_path: Path) -> None:
    with prepared(engine, "box", BASE, TOP):
        with mounted(snapshotter, "box", tmp_path) as root:
            (root / "etc" / "passwd").write_bytes(b"changed")
            (root / "etc" / "added").write_bytes(b"12345")
            (root / "etc" / "new").unlink()
            (root / "fresh").mkdir()
            (root / "fresh" / "inner").touch()
            (root / "link").unlink()
            os.symlink("elsewhere", root / "link")
            subprocess.run(["rm", "-r", root / "var"], check=True)
            (root / "tmp").rmdir()
            (root / "tmp").mkdir(mode=0o1777)
        assert snapshotter.written("box") == len(b"changed") + 5
        found = [f"{change.letter} {change.path}" for change in snapshotter.changes("box")]
    wanted = ["C /etc", "A /etc/added", "D /etc/new", "C /etc/passwd", "A /fresh",
              "A /fresh/inner", "C /link", "D /var"]  # fmt: skip
    assert [line for line in found if line != "C /tmp"] == wanted


def test_a_directory_made_anew_hides_the_old_content(
    engine: Engine, snapshotter: Snapshotter, tmp_path: Path
) -> None:
    with prepared(engine, "box", BASE):
        with mounted(snapshotter, "box", tmp_path) as root:
            subprocess.run(["rm", "-r", root / "var" / "lib"], check=True)
            (root / "var" / "lib").mkdir()
            (root / "var" / "lib" / "b").write_bytes(b"another b")
        found = [f"{change.letter} {change.path}" for change in snapshotter.changes("box")]
    assert [line for line in found if line != "C /var/lib"] == [
        "C /var",
        "D /var/lib/a",
        "C /var/lib/b",
    ]


def test_the_exported_tar_is_the_mounted_view(
    engine: Engine, snapshotter: Snapshotter, tmp_path: Path
) -> None:
    with prepared(engine, "box", BASE, TOP):
        with mounted(snapshotter, "box", tmp_path) as root:
            (root / "etc" / "added").write_bytes(b"x" * 70_000)
            os.setxattr(root / "etc" / "added", "user.note", b"\0\xff")
            (root / "one").unlink()
            (root / ("long" * 60)).touch()
            os.mkfifo(root / "fifo")
            os.chown(root / "fifo", 3_000_000, 3_000_000)
            for path in root.rglob("*"):  # whole seconds survive
                os.utime(path, (1_000_000_000, 1_000_000_000), follow_symlinks=False)
            expected = picture(root)
        with snapshotter.tree("box") as view:
            data = b"".join(tarwriter.whole(view))
        with snapshotter.tree("box") as view:
            assert data == b"".join(tarwriter.whole(view))
    out = tmp_path / "out"
    out.mkdir()
    command = ["tar", "-C", out, "-xp", "--numeric-owner", "--xattrs", "--xattrs-include=*"]
    subprocess.run(command, input=data, check=True)
    assert picture(out) == expected
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert len(archive.getmembers()) == len(expected)


def test_layers_live_as_long_as_a_snapshot_needs_them(
    engine: Engine, snapshotter: Snapshotter
) -> None:
    with prepared(engine, "one", BASE) as layers:
        with prepared(engine, "two", BASE, TOP) as more:
            assert snapshotter.layers("two") == more
            assert sorted(snapshotter.keys()) == ["one", "two"]
            engine.stores.collector.sweep()
            assert all(engine.layers.has(layer) for layer in more)
        assert engine.layers.has(layers[0])
        assert not engine.layers.has(more[1])
    assert snapshotter.keys() == []
    assert engine.nothing_left()


def test_refusals_leave_nothing(engine: Engine, snapshotter: Snapshotter) -> None:
    with prepared(engine, "box", BASE) as layers:
        with pytest.raises(Conflict):
            snapshotter.prepare("box", layers)
        with pytest.raises(NotFound):
            snapshotter.prepare("other", ["sha256:" + "0" * 64])
        with pytest.raises(Invalid):
            snapshotter.prepare("many", layers * 600)
        for key in ("", "..", "a/b", ".hidden", "x" * 200):
            with pytest.raises(Invalid):
                snapshotter.prepare(key, layers)
            snapshotter.remove(key)
        assert snapshotter.keys() == ["box"]
        assert sorted(os.listdir(engine.root / "snapshots")) in (["box"], [".empty", "box"])
    for ask in (snapshotter.mounts, snapshotter.usage, snapshotter.changes, snapshotter.layers,
                snapshotter.written, snapshotter.paths):  # fmt: skip
        with pytest.raises(NotFound):
            ask("box")
    snapshotter.remove("box")


def test_usage_adds_up_to_du(engine: Engine, snapshotter: Snapshotter, tmp_path: Path) -> None:
    with prepared(engine, "box", BASE, TOP) as layers:
        with mounted(snapshotter, "box", tmp_path) as root:
            (root / "big").write_bytes(os.urandom(3_000_000))
        said = subprocess.run(
            ["du", "-sB1", engine.root / "layers", engine.root / "snapshots"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        du = sum(int(line.split()[0]) for line in said.stdout.splitlines())
        usage = snapshotter.usage("box").size + sum(
            engine.layers.usage(layer).size for layer in layers
        )
        assert abs(du - usage) <= max(du * 0.01, 3 * 4096)


def test_snapshots_survive_a_new_start(
    engine: Engine, snapshotter: Snapshotter, tmp_path: Path
) -> None:
    with prepared(engine, "box", BASE):
        with mounted(snapshotter, "box", tmp_path) as root:
            (root / "kept").write_bytes(b"x")
        engine.stores.close()
        again = Engine(engine.root, snapshotter.name)
        try:
            with mounted(again.stores.snapshotter, "box", tmp_path) as root:
                assert (root / "kept").read_bytes() == b"x"
                assert (root / "etc" / "passwd").exists()
        finally:
            again.stores.close()
        engine.stores = Engine(engine.root, snapshotter.name).stores
