"""Unpacking a large gzip layer, beside GNU tar's CPU time for the same file."""

from __future__ import annotations

import gzip
import hashlib
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from itertools import count as numbers
from pathlib import Path

from benchmarks.budgets import Budget, Row
from benchmarks.contestants import Contestants
from benchmarks.measure import Account, Turn, rounds
from tests import images
from tests.engines import Engine

WANTED_BYTES = 200_000_000
SOURCES = ("usr/bin", "usr/lib/python3*", "usr/share", "usr/lib/x86_64-linux-gnu")
BLOCK = 512


def gzip_layer(contestants: Contestants, count: int) -> list[Row]:
    """`load` of an image with one gzip layer of about 200 MB."""
    plain = _tree()
    packed = gzip.compress(plain, 6)
    directory = Path(tempfile.mkdtemp(dir=contestants.directory / "bundle"))
    turns = {"tar -xzf": _tar_turn(directory, packed)}
    variants = numbers()
    for kind, engine in contestants.engines.items():
        turns[kind] = _load_turn(contestants.accounts[kind], engine, plain, packed, variants)
    results = rounds(turns, max(2, count // 10))
    turns["tar -xzf"].account.close()
    size = f"{len(plain) / 1e6:.0f} MB, {len(packed) / 1e6:.0f} MB packed; both digests computed"
    return [Row("load of a gzip layer", results, (Budget(1, "tar -xzf", "cpu"),), size)]


def _tree() -> bytes:
    """A tar of files of this machine, of about the wanted size, without its end."""
    command = f"cd / && tar -cf - --ignore-failed-read {' '.join(SOURCES)} 2>/dev/null"
    with subprocess.Popen(["bash", "-c", command], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        data = process.stdout.read(WANTED_BYTES)
        process.kill()
    return whole_members(data) + bytes(2 * BLOCK)


def whole_members(data: bytes) -> bytes:
    """The members of a cut-off tar that are whole."""
    position = 0
    while position + BLOCK <= len(data):
        size = int(data[position + 124 : position + 136].strip(b" \0") or b"0", 8)
        following = position + BLOCK + -(-size // BLOCK) * BLOCK
        if following > len(data):
            break
        position = following
    return data[:position]


def _tar_turn(directory: Path, packed: bytes) -> Turn:
    archive = directory / "layer.tar.gz"
    archive.write_bytes(packed)
    targets = numbers()

    def unpack() -> None:
        target = directory / str(next(targets))
        target.mkdir()
        command: list[str | Path] = ["tar", "-xzf", archive, "-C", target]
        subprocess.run(command, check=True, capture_output=True)

    return Turn(Account("tar"), unpack)


def _load_turn(
    account: Account, engine: Engine, plain: bytes, packed: bytes, variants: Iterator[int]
) -> Turn:
    """Each sample has a layer of its own: an engine unpacks the same one only once."""
    archive = b""

    def prepare() -> None:
        nonlocal archive
        archive = _archive(plain, packed, next(variants))

    def load() -> None:
        with engine.connect(timeout=300) as api:
            headers = {"Content-Type": "application/x-tar"}
            answer = api.request("POST", "/images/load?quiet=1", archive, headers)
            assert answer.status == 200 and b"errorDetail" not in answer.body, answer

    return Turn(account, load, prepare)


def _archive(plain: bytes, packed: bytes, number: int) -> bytes:
    """A docker-archive whose gzip layer begins with a file that no other has."""
    marker = _marker(number)
    digest = hashlib.sha256(marker + plain).hexdigest()
    layer = gzip.compress(marker) + packed  # members of a gzip file follow one another
    return images.archive(f"unpack:{number}", [layer], {"Cmd": ["true"]}, [digest])


def _marker(number: int) -> bytes:
    """A tar member without an end-of-archive mark."""
    return tarfile.TarInfo(f"marker-{number}").tobuf(tarfile.PAX_FORMAT)
