"""Tar headers that we write, read by the standard library."""

from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.image.tarwriter import Entry, encode

NAME = st.text(st.characters(codec="utf-8", exclude_characters="\0/"), min_size=1, max_size=60)
PATH = st.lists(NAME, min_size=1, max_size=8).map("/".join)


def read(entry: Entry) -> tarfile.TarInfo:
    data = encode(entry) + bytes(1024)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        (member,) = archive.getmembers()
    return member


@given(
    path=PATH,
    mode=st.integers(0, 0o7777),
    uid=st.integers(0, 2**32 - 2),
    gid=st.integers(0, 2**32 - 2),
    mtime=st.integers(-(2**40), 2**40),
)
def test_any_name_and_number(path: str, mode: int, uid: int, gid: int, mtime: int) -> None:
    member = read(Entry(path.encode(), b"0", mode, uid, gid, mtime=mtime))
    assert (member.name, member.mode, member.uid, member.gid, member.mtime) == (
        path,
        mode,
        uid,
        gid,
        mtime,
    )
    assert (member.uname, member.gname) == ("", "")


@given(PATH)
def test_any_link_target(target: str) -> None:
    assert read(Entry(b"l", b"2", link=target.encode())).linkname == target


@pytest.mark.parametrize("length", [1, 8, 9, 10, 95, 99, 100, 101, 155, 156, 255, 256, 990, 1000])
def test_lengths_where_the_form_changes(length: int) -> None:
    for name in ("n" * length, ("d" * 50 + "/") * (length // 51) + "f" * (length % 51 or 1)):
        assert read(Entry(name.encode(), b"0")).name == name


def test_large_files_and_attributes() -> None:
    entry = Entry(b"f", b"0", size=2**40, xattrs=(("user.a", b"\0\n=binary"),))
    info = tarfile.TarInfo.frombuf(encode(entry)[-512:], "utf-8", "surrogateescape")
    assert info.name == "f"
    assert b" size=1099511627776\n" in encode(entry)
    assert b" SCHILY.xattr.user.a=\0\n=binary\n" in encode(entry)


def test_devices() -> None:
    member = read(Entry(b"null", b"3", 0o666, device=(1, 3)))
    assert (member.ischr(), member.devmajor, member.devminor) == (True, 1, 3)
