"""`logs -f` over a live container."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
from collections.abc import AsyncIterator

import pytest

from tests.contract.runtime.harness import Place, builtin, is_root, place
from wherry.engine.containers.builtin import BuiltinRuntime
from wherry.engine.containers.logs.query import LogQuery
from wherry.engine.containers.logs.reading import follow_lines, read_lines
from wherry.engine.containers.runtime import Bundle, LogTarget

pytestmark = [
    pytest.mark.skipif(not is_root(), reason="needs root"),
    pytest.mark.skipif(not os.path.exists("/bin/busybox"), reason="needs busybox-static"),
]


@pytest.fixture
async def where() -> AsyncIterator[Place]:
    async with place() as made:
        yield made


@pytest.fixture
async def runtime(where: Place) -> AsyncIterator[BuiltinRuntime]:
    async with builtin(where) as made:
        yield made


def directory(bundle: Bundle) -> str:
    assert bundle.log is not None
    return bundle.log.directory


async def followed(runtime: BuiltinRuntime, bundle: Bundle, query: LogQuery) -> list[bytes]:
    running = await runtime.start("a", bundle)
    batches = follow_lines(directory(bundle), query, running)
    return [line.data async for batch in batches for line in batch]


async def test_every_line_as_it_comes_and_the_rest_at_the_end(
    where: Place, runtime: BuiltinRuntime
) -> None:
    script = "echo one; sleep 0.1; printf tw; sleep 0.1; echo o; printf end"
    bundle = where.bundle("sh", "-c", script, follow=False)
    assert await followed(runtime, bundle, LogQuery()) == [b"one\n", b"two\n", b"end"]


async def test_a_flood_is_whole(where: Place, runtime: BuiltinRuntime) -> None:
    bundle = where.bundle("seq", "200000", follow=False)
    lines = await followed(runtime, bundle, LogQuery())
    assert lines == [b"%d\n" % n for n in range(1, 200_001)]


async def test_from_the_tail_on(where: Place, runtime: BuiltinRuntime) -> None:
    script = "seq 50; sleep 0.5; echo later"
    bundle = where.bundle("sh", "-c", script, follow=False)
    running = await runtime.start("a", bundle)
    while True:
        present = [batch async for batch in read_lines(directory(bundle), LogQuery())]
        if sum(map(len, present)) == 50:
            break
        await asyncio.sleep(0.01)
    batches = follow_lines(directory(bundle), LogQuery(tail=2), running)
    found = [line.data async for batch in batches for line in batch]
    assert found == [b"49\n", b"50\n", b"later\n"]


async def test_an_unfinished_line_of_a_running_container_is_not_shown(
    where: Place, runtime: BuiltinRuntime
) -> None:
    bundle = where.bundle("sh", "-c", "echo whole; printf part; sleep 100", follow=False)
    running = await runtime.start("a", bundle)
    async for batch in follow_lines(directory(bundle), LogQuery(), running):
        assert [line.data for line in batch] == [b"whole\n"]
        break
    shown = [b async for b in read_lines(directory(bundle), LogQuery(), running=running)]
    assert [line.data for batch in shown for line in batch] == [b"whole\n"]


async def test_docker_s_file_beside_the_log(where: Place, runtime: BuiltinRuntime) -> None:
    target = LogTarget(str(where.root), 2**62, 1, "json-file")
    bundle = where.bundle("sh", "-c", "echo out; sleep 0.1; printf err >&2", follow=False)
    bundle = dataclasses.replace(bundle, log=target)
    running = await runtime.start("a", bundle)
    await running.ended
    lines = (where.root / "a-json.log").read_text().splitlines()
    found = [(item["log"], item["stream"]) for item in map(json.loads, lines)]
    assert found == [("out\n", "stdout"), ("err", "stderr")]
    shown = [batch async for batch in read_lines(target.bytes_directory, LogQuery())]
    assert [line.data for batch in shown for line in batch] == [b"out\n", b"err"]
