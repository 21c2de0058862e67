"""cp of a large file into a container and out of it, with the docker command line."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from benchmarks.budgets import Budget, Row
from benchmarks.contestants import Contestants
from benchmarks.measure import Turn, rounds
from benchmarks.rows.clients import command

_MEGABYTES = 200
_NAME = "copy-target"


def both_ways(contestants: Contestants, count: int) -> list[Row]:
    """Random bytes, so that nobody gains by holes or compression."""
    place = contestants.directory / "copies"
    place.mkdir()
    large = _large_file(place)
    for engine in contestants.engines.values():
        engine.output("create", "--name", _NAME, "busybox")
    few = max(3, count // 6)
    into = ["docker", "cp", os.fspath(large), f"{_NAME}:/tmp/large"]
    out_of = ["docker", "cp", f"{_NAME}:/tmp/large", os.fspath(place / "back")]
    results = [
        rounds(
            {
                kind: Turn(contestants.accounts[kind], command(engine, words))
                for kind, engine in contestants.engines.items()
            },
            few,
        )
        for words in (into, out_of)
    ]
    for engine in contestants.engines.values():
        engine.output("rm", _NAME)
    shutil.rmtree(place)
    budget = (Budget(1, "dockerd"),)
    return [
        Row(f"cp of {_MEGABYTES} MB into a container, docker CLI", results[0], budget),
        Row(f"cp of {_MEGABYTES} MB out of a container, docker CLI", results[1], budget),
    ]


def _large_file(place: Path) -> Path:
    large = place / "large"
    with large.open("wb") as file:
        for _ in range(_MEGABYTES):
            file.write(os.urandom(1_000_000))
    return large
