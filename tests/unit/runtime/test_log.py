"""The keeper's log: what it writes, drops, and repairs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wherry.engine.containers.logs.reader import LogReader
from wherry.runtime import protocol
from wherry.runtime.log import Log


def text(directory: Path) -> bytes:
    with LogReader(str(directory)) as reader:
        found, position, end = b"", reader.begin(), reader.end()
        while chunks := reader.read(position, end):
            found += b"".join(chunk.data for chunk in chunks)
            position = chunks[-1].end
        return found


def filled_pipe(data: bytes) -> int:
    read, write = os.pipe()
    os.write(write, data)
    os.close(write)
    os.set_blocking(read, False)
    return read


def test_nothing_is_made_before_the_first_byte(tmp_path: Path) -> None:
    directory = tmp_path / "log"
    log = Log(str(directory), 10_000, 2)
    pipe = filled_pipe(b"")
    assert log.take_pipe(pipe, 1, 100) == 0
    assert not directory.exists()
    assert (log.begin, log.end) == (0, 0)
    os.close(pipe)


def test_pipe_and_bytes_end_up_in_order(tmp_path: Path) -> None:
    log = Log(str(tmp_path / "log"), 10_000, 2)
    pipe = filled_pipe(b"first second")
    assert log.take_pipe(pipe, 1, 6) == 6
    log.append(2, b"aside ")
    assert log.take_pipe(pipe, 1, 100) == 6
    assert log.take_pipe(pipe, 1, 100) == 0
    log.close()
    os.close(pipe)
    assert text(tmp_path / "log") == b"first aside second"


def test_oldest_files_are_dropped_and_announced(tmp_path: Path) -> None:
    log = Log(str(tmp_path / "log"), 4096, 3)
    piece = b"x" * 1000
    dropped = []
    while len(dropped) < 3:
        would = log.dropped_by_writing()
        if would != log.begin:
            dropped.append(would)
        log.append(1, piece)
        if would != log.begin and dropped:
            assert log.begin >= dropped[-1]
    assert len(log.offsets) == 3
    assert len(list((tmp_path / "log").iterdir())) == 6
    log.close()


def test_tiny_pieces_are_bounded_by_their_index_too(tmp_path: Path) -> None:
    log = Log(str(tmp_path / "log"), 4096, 2)
    for _ in range(2000):
        log.append(1, b"x")
    log.close()
    size = sum(path.stat().st_size for path in (tmp_path / "log").iterdir())
    assert size <= 2 * 4096


def test_goes_on_where_another_stopped(tmp_path: Path) -> None:
    for word in (b"one", b"two", b"three"):
        log = Log(str(tmp_path / "log"), 10_000, 2)
        log.append(1, word)
        log.close()
    assert text(tmp_path / "log") == b"onetwothree"


def newest(directory: Path, suffix: str) -> Path:
    return directory / protocol.log_name(protocol.log_offsets(str(directory))[-1], suffix)


def test_data_without_a_record_is_kept(tmp_path: Path) -> None:
    directory = tmp_path / "log"
    log = Log(str(directory), 10_000, 2)
    log.append(1, b"recorded ")
    log.close()
    with newest(directory, protocol.DATA_SUFFIX).open("ab") as data:
        data.write(b"not recorded")
    again = Log(str(directory), 10_000, 2)
    assert again.end == len(b"recorded not recorded")
    assert text(directory) == b"recorded not recorded"


@pytest.mark.parametrize("cut", [0, 3, 8, 9])
def test_records_without_data_are_dropped(tmp_path: Path, cut: int) -> None:
    directory = tmp_path / "log"
    log = Log(str(directory), 10_000, 2)
    for word in (b"one", b"two", b"three"):
        log.append(1, word)
    log.close()
    os.truncate(newest(directory, protocol.DATA_SUFFIX), cut)
    again = Log(str(directory), 10_000, 2)
    assert again.end == cut
    again.append(1, b"!")
    again.close()
    assert text(directory) == b"onetwothree"[:cut] + b"!"


def test_a_torn_record_is_dropped(tmp_path: Path) -> None:
    directory = tmp_path / "log"
    log = Log(str(directory), 10_000, 2)
    log.append(1, b"one")
    log.close()
    with newest(directory, protocol.INDEX_SUFFIX).open("ab") as index:
        index.write(b"torn")
    again = Log(str(directory), 10_000, 2)
    again.append(2, b"two")
    again.close()
    assert text(directory) == b"onetwo"


def test_what_cannot_be_written_is_held(tmp_path: Path) -> None:
    blocked = tmp_path / "later"
    log = Log(str(blocked / "log"), 10_000, 2)
    pipe = filled_pipe(b"held")
    blocked.write_text("in the way")
    with pytest.raises(OSError, match="irectory"):
        log.take_pipe(pipe, 1, 100)
    blocked.unlink()
    log.flush()
    log.close()
    os.close(pipe)
    assert text(blocked / "log") == b"held"


def test_remove_leaves_nothing(tmp_path: Path) -> None:
    log = Log(str(tmp_path / "log"), 4096, 3)
    for _ in range(20):
        log.append(1, b"x" * 1000)
    log.remove()
    assert not list(tmp_path.iterdir())
    log.remove()
