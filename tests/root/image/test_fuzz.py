"""Archives that hypothesis makes: hostile names, links, types and sizes, and bytes that changed.

Whatever comes, the answer is a layer that gives the same archive back, or an error of ours; nothing
outside the directory changes. WHERRY_LONG=1 tries for long.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import stat
import tarfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.root.image.harness import Engine, Member, tar
from wherry.engine.copying.volumes import unpack
from wherry.errors import Internal, Invalid, WherryError
from wherry.storage.layer import UnpackedLayer

LONG = os.environ.get("WHERRY_LONG") == "1"
EXAMPLES = 6000 if LONG else 40
pytestmark = pytest.mark.timeout(7200 if LONG else 180)
FUZZ = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
OUT = "@OUT@"  # replaced by a real directory outside

# Few words, so that members meet: a link in one is a parent of the next.
WORDS = ["a", "b", "c", "victim", "sub", "..", ".", "", ".wh.a", ".wh..wh..opq", ".wh.",
         ".wh..wh.x", "link", "n" * 101, "n" * 256, "é", "\udcff", "a b", "a\nb"]  # fmt: skip
PATHS = st.one_of(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=5).map("/".join),
    st.sampled_from([OUT, f"{OUT}/victim", f"{OUT}/sub", "link/victim", "link/sub/new", "/", "."]),
    st.sampled_from(["../" * 12 + OUT.strip("/"), "a/" * 300, "x" * 5000]),
)
TYPES = st.sampled_from(
    [tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE,
     tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.CONTTYPE, b"V", b"M", b"Z"]
)  # fmt: skip
NUMBERS = st.sampled_from([0, 1, 255, 65535, 2**31, 2**32 - 1, 2**32, 2**62])
PAX = st.dictionaries(
    st.sampled_from(
        ["path", "linkpath", "size", "uid", "gid", "mtime", "SCHILY.xattr.user.x", "comment",
         "SCHILY.xattr.trusted.overlay.opaque", "SCHILY.xattr.trusted.overlay.redirect",
         "SCHILY.xattr.security.capability", "GNU.sparse.major", "GNU.sparse.minor",
         "GNU.sparse.name", "GNU.sparse.realsize", "GNU.sparse.map", "GNU.sparse.size"]
    ),
    st.one_of(st.sampled_from(["0", "1", "-1", "y", "/", f"{OUT}/victim", "1e9", "0,1", "9" * 30]),
              st.text(alphabet="0123456789/.-,ay\0", max_size=8)),
    max_size=3,
)  # fmt: skip
MEMBERS = st.lists(
    st.tuples(
        PATHS,
        st.fixed_dictionaries(
            {},
            optional={
                "type": TYPES,
                "linkname": PATHS,
                "mode": st.sampled_from([0, 0o644, 0o777, 0o4755, 0o7777]),
                "uid": NUMBERS,
                "gid": NUMBERS,
                "mtime": st.sampled_from([0, -1, 1.5, 2**33, 2**62]),
                "devmajor": st.sampled_from([0, 1, 8, 4095]),
                "devminor": st.sampled_from([0, 3, 2**20 - 1]),
                "pax_headers": PAX,
            },
        ),
        st.binary(max_size=700),
    ),
    min_size=1,
    max_size=8,
)
FORMATS = st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
CHANGES = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=4)


def archive(
    members: list[Member], format: int, changes: list[tuple[int, int]], cut: int, outside: Path
) -> bytes | None:
    """The bytes; None where tarfile cannot write the members down."""
    filled = [(_filled(path, outside), _attributes(given, outside), content)
              for path, given, content in members]  # fmt: skip
    try:
        data = bytearray(tar(filled, format))
    except (ValueError, OverflowError, UnicodeError, tarfile.TarError):
        return None
    for place, value in changes:
        data[place % len(data)] = value
    return bytes(data[: len(data) - cut * 100] if cut else data)


def _filled(text: str, outside: Path) -> str:
    return text.replace(OUT, str(outside))


def _attributes(given: dict[str, Any], outside: Path) -> dict[str, Any]:
    found = {key: _filled(value, outside) if isinstance(value, str) else value
             for key, value in given.items()}  # fmt: skip
    if "pax_headers" in found:
        found["pax_headers"] = {
            key: _filled(value, outside) for key, value in found["pax_headers"].items()
        }
    return found


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Path]:
    """A directory that nothing may touch."""
    made = tmp_path / "outside"
    (made / "sub").mkdir(parents=True)
    (made / "victim").write_bytes(b"whole")
    made.chmod(0o700)
    before = state(made)
    yield made
    assert state(made) == before


def state(top: Path) -> list[tuple[object, ...]]:
    """Everything of a tree that an unpacker could change."""
    found = []
    for path in [top, *sorted(top.rglob("*"))]:
        facts = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(facts.st_mode) else b""
        found.append((str(path), facts.st_mode, facts.st_uid, facts.st_nlink, content,
                      facts.st_mtime_ns, tuple(os.listxattr(path))))  # fmt: skip
    return found


@FUZZ
@given(members=MEMBERS, format=FORMATS, changes=CHANGES, cut=st.sampled_from([0, 0, 0, 1, 7]))
def test_layers(
    engine: Engine, outside: Path, members: list[Member], format: int,
    changes: list[tuple[int, int]], cut: int,
) -> None:  # fmt: skip
    data = archive(members, format, changes, cut, outside)
    if data is None:
        return
    before = state(outside)

    def remade(unpacked: UnpackedLayer) -> None:
        digest = hashlib.sha256()
        for portion in engine.layers.tar(unpacked.diff_id):
            digest.update(portion)
        assert f"sha256:{digest.hexdigest()}" == unpacked.diff_id
        assert unpacked.diff_id == f"sha256:{hashlib.sha256(data).hexdigest()}"

    try:
        engine.with_layer(data, remade)
    except Invalid as error:
        assert str(error)
    assert state(outside) == before
    assert engine.nothing_left()


@FUZZ
@given(members=MEMBERS, format=FORMATS, changes=CHANGES, cut=st.sampled_from([0, 0, 0, 1]))
def test_trees_in_use(
    tmp_path: Path, outside: Path, members: list[Member], format: int,
    changes: list[tuple[int, int]], cut: int,
) -> None:  # fmt: skip
    """`volume import` and `cp`: the directory is full of links that lead out."""
    data = archive(members, format, changes, cut, outside)
    if data is None:
        return
    place = tmp_path / "tree"
    shutil.rmtree(place, ignore_errors=True)
    (place / "c").mkdir(parents=True)
    (place / "link").symlink_to(outside)
    (place / "a").symlink_to("../outside/sub")
    (place / "c" / "b").symlink_to(outside / "victim")
    before = state(outside)

    async def portions() -> AsyncIterator[bytes]:
        for start in range(0, len(data), 4096):
            yield data[start : start + 4096]

    try:
        asyncio.run(unpack("v", str(place), portions()))
    except WherryError as error:
        assert not isinstance(error, Internal), error
    assert state(outside) == before
