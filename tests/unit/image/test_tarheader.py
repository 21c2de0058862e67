"""Tar headers: agreement with the standard library's writer, and refusal of nonsense."""

from __future__ import annotations

import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.image import tarheader
from wherry.image.tarheader import TarError
from wherry.image.unpack import clean

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)


@given(
    name=st.from_regex(r"[a-z][a-z/.]{0,90}", fullmatch=True),
    size=st.integers(0, 2**60),
    uid=st.integers(0, 2**32 - 2),
    mtime=st.integers(-(2**40), 2**40),
    mode=st.integers(0, 0o7777),
)
def test_gnu_headers_of_any_numbers(name: str, size: int, uid: int, mtime: int, mode: int) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.uid, info.mtime, info.mode = size, uid, mtime, mode
    header = tarheader.parse(info.tobuf(tarfile.GNU_FORMAT))
    assert header is not None
    assert (header.name, header.size, header.uid) == (name.rstrip("/").encode(), size, uid) or (
        header.name == name.encode()
    )
    assert header.mode == mode
    assert header.mtime == mtime * 10**9


def test_ustar_prefix() -> None:
    name = "d" * 100 + "/" + "f" * 90
    header = tarheader.parse(tarfile.TarInfo(name).tobuf(tarfile.USTAR_FORMAT))
    assert header is not None
    assert header.name == name.encode()


def test_the_end_and_a_bad_checksum() -> None:
    assert tarheader.parse(bytes(512)) is None
    block = bytearray(tarfile.TarInfo("x").tobuf())
    block[0] ^= 1
    with pytest.raises(TarError, match="checksum"):
        tarheader.parse(bytes(block))


def test_a_checksum_of_signed_bytes_as_old_programs_wrote_it() -> None:
    block = bytearray(tarfile.TarInfo("é" * 20).tobuf(tarfile.USTAR_FORMAT, "utf-8"))
    block[148:156] = b" " * 8
    signed = sum(byte - 256 if byte > 127 else byte for byte in block)
    block[148:156] = b"%06o\0 " % signed
    assert tarheader.parse(bytes(block)) is not None


@given(st.binary(min_size=512, max_size=512))
def test_no_block_crashes_the_parser(block: bytes) -> None:
    try:
        tarheader.parse(block)
    except TarError:
        return


@given(st.dictionaries(st.sampled_from(["path", "linkpath", "comment"]), NAMES, min_size=1))
def test_pax_records_as_the_standard_library_writes_them(records: dict[str, str]) -> None:
    written = tarfile.TarInfo.create_pax_global_header(dict(records))
    data = written[512:].rstrip(b"\0")
    expected = {key.encode(): value.encode() for key, value in records.items()}
    assert dict(tarheader.parse_pax(data)) == expected


@given(st.binary(max_size=100))
def test_no_pax_data_crash_the_parser(data: bytes) -> None:
    try:
        tarheader.apply_pax(tarheader.Header(), tarheader.parse_pax(data))
    except TarError:
        return


@pytest.mark.parametrize(
    ("numbers", "size"),
    [([0, 5, 3, 1], 10), ([0, 11], 10), ([5], 10), ([4, -1], 10), ([9, 1, 0, 1], 10)],
)
def test_impossible_sparse_maps(numbers: list[int], size: int) -> None:
    with pytest.raises(TarError, match="sparse"):
        tarheader.extents(numbers, size)


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [(b"1.5", 1_500_000_000), (b"-1.25", -1_250_000_000), (b"3", 3 * 10**9),
     (b"1.0000000019", 1_000_000_001)],
)  # fmt: skip
def test_pax_times(text: bytes, nanoseconds: int) -> None:
    header = tarheader.Header()
    tarheader.apply_pax(header, [(b"mtime", text)])
    assert header.mtime == nanoseconds


@pytest.mark.parametrize(
    ("name", "path"),
    [(b"a/b", b"a/b"), (b"./a", b"a"), (b"/a//b/", b"a/b"), (b"a/./b/../c", b"a/c"), (b".", b""),
     (b"./", b""), (b"/", b""), (b"a/..", b""), (b".x/..y", b".x/..y"), (b"./.x", b".x")],
)  # fmt: skip
def test_clean(name: bytes, path: bytes) -> None:
    assert clean(name) == path


@pytest.mark.parametrize("name", [b"..", b"../a", b"a/../../b", b"./../a", b"/../a"])
def test_names_that_climb_out(name: bytes) -> None:
    with pytest.raises(TarError, match="out of the root"):
        clean(name)
