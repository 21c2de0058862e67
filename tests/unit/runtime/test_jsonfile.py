"""Docker's log file: its objects, its rotation, and the raw log beside it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.runtime.test_log import text
from wherry.runtime.jsonfile import CopiedLog, JsonFile

NOON = 1_714_564_800_000_000_000


def objects(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_exact_bytes(tmp_path: Path) -> None:
    file = JsonFile(str(tmp_path / "f"), 2**62, 1)
    file.write(1, b'a "b" \\ <c>\t\r\n', NOON + 120)
    file.finish(NOON)
    assert (tmp_path / "f").read_bytes() == (
        b'{"log":"a \\"b\\" \\\\ \\u003cc\\u003e\\u0009\\r\\n",'
        b'"stream":"stdout","time":"2024-05-01T12:00:00.00000012Z"}\n'
    )


def test_lines_of_both_outputs_and_an_unfinished_one(tmp_path: Path) -> None:
    file = JsonFile(str(tmp_path / "f"), 2**62, 1)
    for stream, data in (
        (1, b"o"),
        (2, b"err\n"),
        (1, b"ut\nlast"),
        (2, "é\udcff".encode("utf-8", "surrogateescape")),
    ):
        file.write(stream, data, NOON)
    file.finish(NOON)
    found = [(item["stream"], item["log"]) for item in objects(tmp_path / "f")]
    assert found == [
        ("stderr", "err\n"), ("stdout", "out\n"), ("stdout", "last"), ("stderr", "é\ufffd"),
    ]  # fmt: skip
    assert objects(tmp_path / "f")[0]["time"] == "2024-05-01T12:00:00Z"


def test_long_lines_are_cut(tmp_path: Path) -> None:
    file = JsonFile(str(tmp_path / "f"), 2**62, 1)
    for _ in range(5):
        file.write(1, b"x" * 10_000, NOON)
    file.write(1, b"\n", NOON)
    file.finish(NOON)
    logs = [item["log"] for item in objects(tmp_path / "f")]
    assert [len(log) for log in logs] == [16384, 16384, 16384, 50_001 - 3 * 16384]
    assert "".join(logs) == "x" * 50_000 + "\n"


@pytest.mark.parametrize("count", [1, 3])
def test_rotation(tmp_path: Path, count: int) -> None:
    file = JsonFile(str(tmp_path / "f"), 2000, count)
    for n in range(100):
        file.write(1, b"line %d\n" % n, NOON)
    file.finish(NOON)
    names = [tmp_path / f"f.{number}" for number in range(count - 1, 0, -1)] + [tmp_path / "f"]
    assert sorted(tmp_path.iterdir()) == sorted(names)
    assert all(path.stat().st_size < 2100 for path in names)
    kept = [item["log"] for path in names for item in objects(path)]
    assert kept == [f"line {n}\n" for n in range(100 - len(kept), 100)]
    again = JsonFile(str(tmp_path / "f"), 2000, count)
    again.write(1, b"more\n", NOON)
    again.finish(NOON)
    assert objects(tmp_path / "f")[-1]["log"] == "more\n"


def test_the_raw_log_has_the_same(tmp_path: Path) -> None:
    log = CopiedLog(str(tmp_path / "log"), 10_000, 2, JsonFile(str(tmp_path / "f"), 2**62, 1))
    log.append(1, b"one\n")
    log.append(1, b"two")
    log.finish()
    assert text(tmp_path / "log") == b"one\ntwo"
    assert [item["log"] for item in objects(tmp_path / "f")] == ["one\n", "two"]


def test_a_copy_that_cannot_be_written_costs_only_the_copy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = JsonFile(str(tmp_path / "no" / "f"), 2**62, 1)
    log = CopiedLog(str(tmp_path / "log"), 10_000, 2, copy)
    log.append(1, b"one\n")
    log.finish()
    assert text(tmp_path / "log") == b"one\n"
    assert "cannot be written" in capsys.readouterr().err
