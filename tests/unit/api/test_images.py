"""The endpoints of images, of the system and of events."""

from __future__ import annotations

import json

import pytest

from tests.conformance import swagger
from tests.unit.api import double
from tests.unit.api.conftest import Asker, Engine
from wherry.api.progress import bar, human_size
from wherry.engine.values.images import ImageFacts


async def test_list_by_version(ask: Asker, engine: Engine) -> None:
    [shown] = await ask.json("GET", "/images/json")
    assert shown["RepoTags"] == ["busybox:latest"] and "VirtualSize" not in shown
    [old] = await ask.json("GET", "/v1.43/images/json")
    assert old["VirtualSize"] == old["Size"] == 5
    engine.images.one = ImageFacts(double.IMAGE)
    [older] = await ask.json("GET", "/v1.42/images/json")
    assert older["RepoTags"] == ["<none>:<none>"] and older["RepoDigests"] == ["<none>@<none>"]
    [new] = await ask.json("GET", "/images/json")
    assert new["RepoTags"] == [] and new["Labels"] is None


async def test_inspect_by_version(ask: Asker) -> None:
    shown = await ask.json("GET", "/images/busybox/json")
    assert shown["Config"] == {"Env": ["A=b"], "Cmd": ["sh"], "Labels": {"x": "y"}}
    assert "ContainerConfig" not in shown
    old = await ask.json("GET", "/v1.44/images/busybox/json")
    assert old["ContainerConfig"]["Cmd"] is None and old["Config"]["Cmd"] == ["sh"]
    assert old["Config"]["Entrypoint"] is None
    assert await ask.error("GET", "/images/none/json", None, 404) == "No such image: none"


async def test_small_ones(ask: Asker) -> None:
    [step] = await ask.json("GET", "/images/busybox/history")
    assert step["Created"] == double.DAY // double.SECOND
    assert await ask.json("POST", "/images/busybox/tag?repo=a&tag=b", status=201) is None
    gone = await ask.json("DELETE", "/images/busybox")
    assert gone == [{"Untagged": "busybox:latest"}, {"Deleted": double.IMAGE}]


async def test_load_streams_both_ways(ask: Asker, engine: Engine) -> None:
    answer = await ask.send("POST", "/images/load", b"x" * 1_000_000)
    lines = [json.loads(line) for line in (await answer.read()).splitlines()]
    assert lines == [
        {
            "status": "Loading layer", "id": "1", "progressDetail": {"current": 5, "total": 10},
            "progress": bar(5, 10),
        },
        {"stream": "Loaded image: busybox:latest\n"},
    ]  # fmt: skip
    assert len(engine.images.received) == 1_000_000


@pytest.mark.parametrize(
    ("archive", "message"),
    [(b"bad", "this is no archive"), (b"truncated", "the archive ends early")],
)
async def test_load_errors_are_told_in_the_stream(ask: Asker, archive: bytes, message: str) -> None:
    answer = await ask.send("POST", "/images/load", archive)
    *_, last = (await answer.read()).splitlines()
    assert answer.status == 200
    assert json.loads(last) == {"errorDetail": {"message": message}, "error": message}


async def test_import_errors_before_the_first_news_have_a_status(ask: Asker) -> None:
    assert await ask.error("POST", "/images/create?fromSrc=-", b"bad", 400) == "this is no archive"


async def test_save(ask: Asker) -> None:
    answer = await ask.send("GET", "/images/reg.io/a/b:c/get")
    assert answer.headers["content-type"] == "application/x-tar"
    assert await answer.read() == b"reg.io/a/b:c"
    assert await (await ask.send("GET", "/images/get?names=a&names=b")).read() == b"ab"
    assert "no image is named" in await ask.error("GET", "/images/get", None, 400)


async def test_create_needs_a_source(ask: Asker) -> None:
    assert "fromSrc" in await ask.error("POST", "/images/create", None, 400)
    message = await ask.error("POST", "/images/create?fromSrc=http://x/y", None, 501)
    assert "importing from http://x/y is not supported" in message


async def test_system(ask: Asker) -> None:
    version = await ask.json("GET", "/version")
    assert (version["ApiVersion"], version["MinAPIVersion"]) == ("1.51", "1.24")
    info = await ask.json("GET", "/info")
    assert info["MemoryLimit"] is True and info["SwapLimit"] is False
    usage = await ask.json("GET", "/system/df")
    assert usage["LayersSize"] == 5 and usage["Containers"][0]["SizeRootFs"] == 2
    some = await ask.json("GET", "/v1.51/system/df?type=image")
    assert sorted(some) == ["Images", "LayersSize"]


async def test_events(ask: Asker) -> None:
    lines = (await (await ask.send("GET", "/events?until=5")).read()).splitlines()
    first, second = map(json.loads, lines)
    assert (first["status"], first["from"], first["id"]) == ("start", "busybox", double.ID)
    assert first["timeNano"] == double.DAY + 1 and "status" not in second
    if swagger.available():
        assert swagger.judge().violations("GET", "/events", 200, first) == []


def test_sizes_and_bars() -> None:
    assert [human_size(n) for n in (0, 999, 1000, 1234567, 5e12)] == [
        "0B", "999B", "1kB", "1.235MB", "5TB",
    ]  # fmt: skip
    assert bar(5, None) == "5B"
    assert bar(1, 2).startswith("[" + "=" * 25 + ">")
