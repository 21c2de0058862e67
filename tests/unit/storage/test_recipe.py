"""Recipes: what is written is read back; damage is noticed."""

from __future__ import annotations

import io
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.storage import recipe
from wherry.storage.recipe import RecipeWriter, Reference, Shadow

Record = bytes | tuple[bytes, int, int]
RECORDS = st.lists(
    st.binary(max_size=2000)
    | st.tuples(st.binary(min_size=1, max_size=60), st.integers(0, 2**40), st.integers(0, 2**40))
)


def written(records: list[Record]) -> bytes:
    file = io.BytesIO()
    writer = RecipeWriter(file.write, zlib.compressobj(1))
    for record in records:
        if isinstance(record, bytes):
            writer.literal(record)
        else:
            writer.data(*record)
    writer.finish()
    return file.getvalue()


def merged(records: list[Record]) -> list[Record]:
    """Neighbouring literals flow together."""
    result: list[Record] = []
    for record in records:
        if isinstance(record, bytes) and result and isinstance(result[-1], bytes):
            result[-1] += record
        elif record != b"":
            result.append(record)
    return result


def read(data: bytes, shadows: tuple[Shadow, ...] = ()) -> list[Record]:
    found: list[Record] = []
    for record in recipe.read(io.BytesIO(data), shadows):
        if isinstance(record, Reference):
            found.append((record.path, record.offset, record.length))
        else:
            found.append(record)
    return merged(found)


@given(RECORDS)
def test_round_trip(records: list[Record]) -> None:
    expected = [
        record if isinstance(record, bytes) else (b"diff/" + record[0], *record[1:])
        for record in merged(records)
    ]
    assert read(written(records)) == expected


def test_replaced_files_are_looked_for_in_the_shadow() -> None:
    data = written([(b"d/f", 0, 1), (b"d/f", 0, 2), (b"d/f", 0, 3), (b"dd", 0, 4)])
    shadows = (Shadow(b"d/f", 1, 0), Shadow(b"d", 2, 1))
    assert [record[0] for record in read(data, shadows)] == [
        b"shadow/0",
        b"shadow/1/f",
        b"diff/d/f",
        b"diff/dd",
    ]


@given(st.data())
def test_damage_never_passes_for_another_error(data: st.DataObject) -> None:
    whole = bytearray(written([b"head" * 100, (b"f", 0, 9), b"tail"]))
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    cut = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    try:
        read(cut)
    except recipe.DamagedRecipe:
        return


def test_an_unknown_version_is_refused() -> None:
    with pytest.raises(recipe.DamagedRecipe, match="version"):
        read(b"wherry recipe 9\n")
