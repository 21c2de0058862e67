"""`logs` over a log on disk: lines, tail, since, until, both outputs, pieces of long lines."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from unittest import mock

import pytest

from wherry.engine.containers.logs.lines import PIECE, LineAssembler
from wherry.engine.containers.logs.query import Line, LogQuery
from wherry.engine.containers.logs.reader import LogReader
from wherry.engine.containers.logs.reading import read_lines
from wherry.engine.containers.runtime import Chunk
from wherry.runtime.log import Log

OUT, ERR = 1, 2
Pieces = Sequence[tuple[int, bytes]]


def write(directory: Path, pieces: Pieces, max_size: int = 10**6, max_files: int = 5) -> str:
    """A log in which the n-th piece arrived at n seconds."""
    log = Log(str(directory), max_size, max_files)
    for second, (stream, data) in enumerate(pieces, 1):
        with mock.patch("time.time_ns", return_value=second * 10**9):
            log.append(stream, data)
    log.close()
    return str(directory)


async def read(directory: str, **query: object) -> list[bytes]:
    batches = read_lines(directory, LogQuery(**query))  # type: ignore[arg-type]
    return [line.data for batch in [batch async for batch in batches] for line in batch]


PIECES: Pieces = [
    (OUT, b"one\ntw"),
    (ERR, b"E-one\n"),
    (OUT, b"o\nthree\n"),
    (ERR, b"E-tw"),
    (OUT, b"four"),
    (ERR, b"o\n"),
    (OUT, b"\nfive\ns"),
    (OUT, b"ix"),
]
EVERYTHING = [
    b"one\n", b"E-one\n", b"two\n", b"three\n", b"E-two\n", b"four\n", b"five\n", b"six",
]  # fmt: skip


async def test_lines_are_put_together_in_order_of_completion(tmp_path: Path) -> None:
    assert await read(write(tmp_path / "log", PIECES)) == EVERYTHING


@pytest.mark.parametrize("tail", range(10))
async def test_tail(tmp_path: Path, tail: int) -> None:
    log = write(tmp_path / "log", PIECES)
    assert await read(log, tail=tail) == EVERYTHING[max(0, len(EVERYTHING) - tail) :]


@pytest.mark.parametrize("tail", [None, 0, 1, 2, 9])
async def test_one_output_alone(tmp_path: Path, tail: int | None) -> None:
    log = write(tmp_path / "log", PIECES)
    errors = [b"E-one\n", b"E-two\n"]
    wanted = errors if tail is None else errors[max(0, 2 - tail) :]
    assert await read(log, stdout=False, tail=tail) == wanted
    assert await read(log, stdout=False, stderr=False) == []


@pytest.mark.parametrize(
    ("since", "until", "wanted"),
    [
        (1, 0, EVERYTHING),
        (3, 0, EVERYTHING[2:]),
        (6, 0, EVERYTHING[4:]),
        (8, 0, EVERYTHING[7:]),
        (9, 0, []),
        (0, 2, EVERYTHING[:2]),
        (2, 3, EVERYTHING[1:4]),
        (0, 7, EVERYTHING[:7]),
    ],
)
async def test_since_and_until(tmp_path: Path, since: int, until: int, wanted: list[bytes]) -> None:
    log = write(tmp_path / "log", PIECES)
    assert await read(log, since=since * 10**9, until=until * 10**9) == wanted


async def test_no_log_has_no_lines(tmp_path: Path) -> None:
    assert await read(str(tmp_path / "none")) == []
    assert await read(str(tmp_path / "none"), tail=3, since=5) == []


@pytest.fixture
def many(tmp_path: Path) -> Iterator[tuple[str, list[bytes]]]:
    """A log of several files in which lines lie across pieces and files."""
    lines = [b"%d %s\n" % (n, b"x" * (n % 50)) for n in range(3000)]
    data, chance, pieces = b"".join(lines), random.Random(5), []
    while data:
        size = chance.randrange(1, 300)
        pieces.append((OUT, data[:size]))
        data = data[size:]
    yield write(tmp_path / "log", pieces, max_size=20_000, max_files=100), lines


@pytest.mark.parametrize("tail", [1, 10, 777, 2999, 5000])
async def test_tail_across_files(many: tuple[str, list[bytes]], tail: int) -> None:
    log, lines = many
    assert await read(log, tail=tail) == lines[-tail:]


async def test_everything_across_files(many: tuple[str, list[bytes]]) -> None:
    log, lines = many
    assert await read(log) == lines


async def test_what_was_rotated_away_is_skipped(tmp_path: Path) -> None:
    pieces = [(OUT, b"line %d\n" % n) for n in range(5000)]
    log = write(tmp_path / "log", pieces, max_size=20_000, max_files=3)
    found = await read(log)
    assert 0 < len(found) < 5000
    assert found == [data for _, data in pieces[-len(found) :]]


async def test_a_long_line_comes_in_pieces_with_one_time(tmp_path: Path) -> None:
    log = write(tmp_path / "log", [(OUT, b"x" * 700_000)] * 4 + [(OUT, b"\nnext\n")], 10**7)
    batches = [batch async for batch in read_lines(log, LogQuery())]
    lines = [line for batch in batches for line in batch]
    assert b"".join(line.data for line in lines) == b"x" * 2_800_000 + b"\nnext\n"
    assert [line.continued for line in lines] == [False, True, True, False]
    assert sum(line.render(timestamps=True).count(b"1970-") for line in lines) == 2


def test_assembler_holds_no_more_than_a_piece() -> None:
    assembler = LineAssembler({OUT: 0})
    given = 0
    for n in range(50):
        chunk = Chunk(OUT, n * 100_000, 0, b"x" * 100_000)
        given += sum(len(line.data) for line in assembler.feed(chunk))
        assert (n + 1) * 100_000 - given < PIECE


def test_timestamps_are_docker_s() -> None:
    line = Line(OUT, 1_714_564_800_000_000_042, b"hello\n")
    assert line.render(timestamps=True) == b"2024-05-01T12:00:00.000000042Z hello\n"
    assert line.render() == b"hello\n"


@pytest.mark.parametrize("offset", [0, 1, 5, 6, 11, 30, 41])
def test_reading_from_any_offset(tmp_path: Path, offset: int) -> None:
    whole = b"".join(data for _, data in PIECES)
    with LogReader(write(tmp_path / "log", PIECES)) as reader:
        assert reader.end() == len(whole)
        chunks = reader.read(offset, reader.end())
        assert b"".join(chunk.data for chunk in chunks) == whole[offset:]
        backwards = list(reader.backwards(offset))
        assert b"".join(chunk.data for chunk in reversed(backwards)) == whole[:offset]


def test_reading_stops_where_told_and_goes_on(tmp_path: Path) -> None:
    whole = b"".join(data for _, data in PIECES)
    with LogReader(write(tmp_path / "log", PIECES)) as reader:
        found = b""
        for end in range(len(whole) + 1):
            found += b"".join(chunk.data for chunk in reader.read(len(found), end))
            assert found == whole[:end]
