"""Archives that mean harm, or are damaged: a clear error or a harmless success, nothing outside the
layer touched, nothing half done."""

from __future__ import annotations

import os
import random
import tarfile
from pathlib import Path

import pytest

from tests.root.image.harness import (
    Engine,
    Member,
    device,
    directory,
    file,
    hard_link,
    symlink,
    tar,
)
from wherry.errors import Invalid, WherryError
from wherry.image.unpacking import unpack_stream
from wherry.storage.layer import UnpackedLayer

OUT = "OUTSIDE"  # replaced by a real directory outside the store

ESCAPES: dict[str, list[Member]] = {
    "absolute name": [file(f"{OUT}/new", b"x")],
    "parent name": [file("../../../../../../.." + OUT + "/new", b"x")],
    "parent in the middle": [directory("a"), file("a/../../../../../.." + OUT + "/new", b"x")],
    "absolute link": [symlink("l", OUT), file("l/new", b"x")],
    "relative link": [symlink("l", "../../../../../../.." + OUT), file("l/new", b"x")],
    "link to link": [symlink("a", "b"), symlink("b", OUT), file("a/new", b"x")],
    "link as parent of a link": [symlink("a", OUT), symlink("a/b", OUT), file("a/b/new", b"x")],
    "file over a link": [symlink("victim", f"{OUT}/victim"), file("victim", b"overwritten")],
    "directory over a link": [symlink("l", OUT), directory("l", mode=0o777), file("l/new", b"x")],
    "hard link out": [hard_link("v", f"{OUT}/victim"), file("v", b"overwritten")],
    "hard link up": [hard_link("v", "../../../../../../.." + OUT + "/victim")],
    "hard link through a link": [symlink("l", OUT), hard_link("v", "l/victim"), file("v", b"!")],
    "hard link to a link": [symlink("l", f"{OUT}/victim"), hard_link("v", "l"), file("v", b"!")],
    "whiteout through a link": [symlink("l", OUT), file("l/.wh.victim")],
    "whiteout up": [file("../.wh.victim"), file(".wh..", b"")],
    "opaque through a link": [symlink("l", OUT), file("l/.wh..wh..opq")],
    "device through a link": [symlink("l", OUT), device("l/new", tarfile.CHRTYPE, 1, 3)],
    "mode through a link": [symlink("l", OUT), directory("l/.", mode=0o777)],
    "dot dot behind a link": [symlink("l", OUT + "/sub"), file("l/../new", b"x")],
}


@pytest.mark.parametrize("name", ESCAPES)
def test_nothing_outside_the_layer_is_touched(engine: Engine, tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside"
    (outside / "sub").mkdir(parents=True)
    (outside / "victim").write_bytes(b"whole")
    outside.chmod(0o700)
    members: list[Member] = []
    for path, attributes, content in ESCAPES[name]:
        link = attributes.get("linkname")
        filled = {"linkname": link.replace(OUT, str(outside))} if link else {}
        members.append((path.replace(OUT, str(outside)), attributes | filled, content))
    before = _state(outside)
    try:
        engine.with_layer(tar(members), lambda unpacked: _remade(engine, unpacked))
    except WherryError as error:
        assert isinstance(error, Invalid), error
    assert _state(outside) == before
    assert (outside / "victim").read_bytes() == b"whole"
    assert engine.nothing_left()


def _state(outside: Path) -> tuple[object, ...]:
    mode = outside.stat().st_mode
    victim = (outside / "victim").stat()
    return sorted(os.listdir(outside)), mode, victim.st_nlink, victim.st_mtime_ns


def _remade(engine: Engine, unpacked: UnpackedLayer) -> None:
    for _ in engine.layers.tar(unpacked.diff_id):
        pass


BROKEN: dict[str, tuple[list[Member], str]] = {
    "hard link to nothing": ([hard_link("a", "nowhere")], "not in this archive"),
    "file below a file": ([file("a", b"x"), file("a/b", b"x")], "Not a directory"),
    "link loop": ([symlink("a", "b"), symlink("b", "a"), file("a/x", b"")], "a/x"),
    "root as a file": ([file(".", b"x")], "root"),
    "root as a link": ([symlink("./", "x")], "root"),
    "unknown type": ([("a", {"type": b"M"}, b"")], "type"),
    "owner too large": ([file("a", uid=2**40)], "owner"),
    "name too long": ([file("n" * 300, b"")], "too long"),
    "hard link to a directory": ([directory("d"), hard_link("l", "d")], "l"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_clear_error_and_nothing_left(engine: Engine, name: str) -> None:
    members, text = BROKEN[name]
    with pytest.raises(Invalid, match=text):
        engine.with_layer(tar([file("first", b"x" * 5000), *members]), lambda _: None)
    assert engine.nothing_left()


def test_truncated_everywhere(engine: Engine) -> None:
    data = tar([file("a", b"x" * 3000), directory("d"), file("d/b", b"y" * 100)])
    for cut in (100, 512 + 1, 512 + 2999, 512 * 7 + 30, 512 * 8 + 100):
        with pytest.raises(Invalid, match="ends early"):
            engine.with_layer(data[:cut], lambda _: None)
    assert engine.nothing_left()


def test_what_is_no_archive(engine: Engine) -> None:
    with pytest.raises(Invalid, match="no tar archive"):
        engine.with_layer(b"hello, I am a text file\n" * 100, lambda _: None)
    with pytest.raises(Invalid):
        engine.with_layer(b"\x1f\x8b\x08broken gzip", lambda _: None)
    assert engine.nothing_left()


def test_wrong_digests(engine: Engine) -> None:
    data = tar([file("a", b"x")])
    wrong = "sha256:" + "0" * 64
    for expectation in ({"expected": wrong}, {"blob": wrong}):
        with pytest.raises(Invalid, match=f"expected {wrong}, found sha256:"):
            engine.with_layer(data, lambda _: None, **expectation)
    assert engine.nothing_left()


def test_mutated_archives_give_errors_of_ours_only(engine: Engine) -> None:
    data = tar(
        [
            directory("d"),
            file("d/f", b"x" * 600, pax_headers={"SCHILY.xattr.user.a": "b"}),
            symlink("l", "d/f"),
            hard_link("h", "d/f"),
            file("n" * 150, b"y"),
        ]
    )
    chance = random.Random(7)
    for _ in range(40):
        mutant = bytearray(data)
        for _ in range(chance.randint(1, 4)):
            mutant[chance.randrange(len(mutant))] = chance.randrange(256)
        try:
            engine.with_layer(bytes(mutant), lambda unpacked: _remade(engine, unpacked))
        except Invalid:
            continue
    assert engine.nothing_left()


def test_a_source_that_fails_leaves_nothing(engine: Engine) -> None:
    def portions() -> object:
        yield tar([file("a", b"x" * 100_000)])[:50_000]
        raise ConnectionError("client gone")

    with pytest.raises(ConnectionError), engine.stores.collector.lease() as lease:
        unpack_stream(engine.layers, portions(), lease)  # type: ignore[arg-type]
    assert engine.nothing_left()


def test_special_bits_do_not_leak_into_the_worker(engine: Engine) -> None:
    """The worker's umask and root are its own."""
    before = os.umask(0o77)
    try:
        data = tar([file("a", b"", mode=0o666)])
        engine.with_layer(
            data,
            lambda unpacked: _mode_is(f"{engine.layers.diff_path(unpacked.diff_id)}/a", 0o666),
        )
        assert os.umask(0o77) == 0o77
    finally:
        os.umask(before)


def _mode_is(path: str, mode: int) -> None:
    assert os.stat(path).st_mode & 0o7777 == mode
