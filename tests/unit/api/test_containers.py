"""The endpoints of containers: what the engine is asked and what the client is told."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import quote

import pytest

from tests.unit.api import double
from tests.unit.api.conftest import Asker, Engine
from wherry.api.container_list import status_text
from wherry.engine.containers.record import State
from wherry.engine.values.containers import ListQuery, RemoveRequest, StopRequest, WaitAnswer
from wherry.engine.values.streams import LogsRequest


async def test_create_hands_the_request_on(ask: Asker, engine: Engine) -> None:
    body = {
        "Image": "busybox",
        "Cmd": "true",
        "HostConfig": {"Memory": 5, "PidsLimit": -1},
        "NetworkingConfig": {"EndpointsConfig": {"host": {"Aliases": ["a"]}}},
    }
    answer = await ask.json("POST", "/containers/create?name=x&platform=linux", body, 201)
    assert answer == {"Id": double.ID, "Warnings": ["a warning"]}
    [request] = engine.containers.asked
    assert (request.name, request.platform) == ("x", "linux")
    assert (request.config.image, request.config.cmd) == ("busybox", ("true",))
    assert (request.host_config.memory, request.host_config.pids_limit) == (5, None)
    assert request.networking.endpoints_config["host"].aliases == ("a",)


async def test_create_means_what_the_version_means(ask: Asker, engine: Engine) -> None:
    mount = {"Type": "bind", "ReadOnly": True, "BindOptions": {}}
    body = {
        "Image": "x",
        "Healthcheck": {"StartInterval": 5000000, "Interval": 7},
        "HostConfig": {"Mounts": [mount]},
    }
    for version in ("1.43", "1.44"):
        await ask.json("POST", f"/v{version}/containers/create", body, 201)
    old, new = engine.containers.asked
    assert (old.config.healthcheck.start_interval, old.config.healthcheck.interval) == (0, 7)
    assert new.config.healthcheck.start_interval == 5000000
    assert old.host_config.mounts[0].bind_options.read_only_non_recursive
    assert not new.host_config.mounts[0].bind_options.read_only_non_recursive


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "invalid JSON: got EOF while reading request body"),
        (b"  \n", "invalid JSON: got EOF while reading request body"),
        (b"{", "invalid JSON: unexpected EOF"),
        (b'{"a": "', "invalid JSON: unexpected EOF"),
        (b"hello", "invalid JSON: invalid character 'h' looking for beginning of value"),
        (b"{a:1}", "invalid JSON: invalid character 'a' looking for beginning of object key"),
        (b'{"a" 1}', "invalid JSON: invalid character '1' after object key"),
        (b'{"Image":"x"} trailing', "unexpected content after JSON"),
        (b'{"Memory": NaN}', "invalid JSON: invalid character 'N' looking for beginning of value"),
        (b"[" * 100_000, "invalid JSON: exceeded max depth"),
        (b"[]", "json: cannot unmarshal array into Go value of type container.CreateRequest"),
        (b"{}", "config cannot be empty in order to create a container"),
        (b'{"HostConfig":{}}', "config cannot be empty in order to create a container"),
        (b'{"Image":5}', "json: cannot unmarshal number into Go struct field CreateRequest.Image"),
        (b'{"a":[1 2]}', "invalid JSON: invalid character '2' after array element"),
        (b'{"a":["]", {"b":1 2}]}', "invalid character '2' after object key:value pair"),
        (
            b'{"Image":"x","HostConfig":{"Memory":"1"}}',
            "HostConfig.HostConfig.Memory of type",
        ),
        (
            b'{"Image":"x","HostConfig":[]}',
            "array into Go struct field CreateRequest.HostConfig of type container.HostConfig",
        ),
        (b'{"Image":"web","Cmd":7}', "cannot unmarshal number into Go struct field"),
    ],
)
async def test_bad_bodies(ask: Asker, body: bytes, message: str) -> None:
    answer = await ask.send("POST", "/containers/create", body, Content_Type="application/json")
    text = json.loads(await answer.read())["message"]
    assert answer.status == 400 and message in text


async def test_content_types(ask: Asker) -> None:
    answer = await ask.send("POST", "/containers/create", b"{}", Content_Type="text/plain")
    assert json.loads(await answer.read()) == {
        "message": "unsupported Content-Type header (text/plain): must be 'application/json'"
    }
    answer = await ask.send("POST", "/containers/create", b"{}", Content_Type="a b/c")
    assert "malformed Content-Type header (a b/c)" in (await answer.read()).decode()
    answer = await ask.send("POST", "/containers/create", b"{}")
    assert answer.status == 400
    await answer.read()
    body = b'{"Image":"x"}'
    kind = "application/json; charset=utf-8"
    assert (await ask.send("POST", "/containers/create", body, Content_Type=kind)).status == 201


async def test_a_name_in_use(ask: Asker) -> None:
    message = await ask.error("POST", "/containers/create?name=web", {"Image": "x"}, 409)
    assert message.startswith('Conflict. The container name "/web" is already in use')


async def test_inspect(ask: Asker) -> None:
    shown = await ask.json("GET", "/containers/web/json")
    assert shown["Name"] == "/web" and shown["Created"] == "2023-11-14T22:13:20.12Z"
    assert shown["State"]["FinishedAt"] == "0001-01-01T00:00:00Z"
    assert shown["State"]["StartedAt"] == "2023-11-14T22:13:20Z"
    assert shown["HostConfig"]["Binds"] is None and shown["ExecIDs"] is None
    assert "SizeRw" not in shown
    sized = await ask.json("GET", "/containers/web/json?size=1")
    assert (sized["SizeRw"], sized["SizeRootFs"]) == (10, 100)


async def test_list(ask: Asker, engine: Engine) -> None:
    filters = '{"label":["a","b=c"],"status":{"running":true,"paused":false}}'
    [shown] = await ask.json("GET", f"/containers/json?all=1&limit=3&filters={quote(filters)}")
    wanted = ListQuery(all=True, limit=3, filters={"label": ("a", "b=c"), "status": ("running",)})
    assert engine.containers.asked == [wanted]
    assert shown["Command"] == "sh -c 'sleep 5'"
    assert (shown["Image"], shown["Names"]) == ("busybox", ["/web"])
    assert shown["Mounts"][0] == {
        "Type": "bind", "Source": "/src", "Destination": "/dst", "Mode": "ro", "RW": False,
        "Propagation": "rprivate",
    }  # fmt: skip


async def test_an_image_whose_name_moved_on_is_shown_by_id(ask: Asker, engine: Engine) -> None:
    engine.containers.one = double.container(image_ref="gone")
    [shown] = await ask.json("GET", "/containers/json")
    assert shown["Image"] == double.IMAGE


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ("nonsense", "invalid filter"),
        ("[]", "invalid filter"),
        ('{"name":5}', "invalid filter"),
        ('{"name":[5]}', "invalid filter"),
        ('{"name":{"a":1}}', "invalid filter"),
        ('{"colour":["red"]}', "invalid filter 'colour'"),
        ('{"status":["ill"]}', "invalid filter 'status=ill'"),
    ],
)
async def test_bad_filters(ask: Asker, filters: str, message: str) -> None:
    target = f"/containers/json?filters={quote(filters)}"
    assert await ask.error("GET", target, None, 400) == message


async def test_wait_sends_its_head_before_the_exit(ask: Asker, engine: Engine) -> None:
    answer = await ask.send("POST", "/containers/web/wait?condition=next-exit")
    assert answer.status == 200 and engine.containers.exit is not None
    assert engine.containers.asked == ["next-exit"]
    engine.containers.exit.set_result(WaitAnswer(7))
    assert json.loads(await answer.read()) == {"StatusCode": 7}


async def test_wait_tells_its_errors(ask: Asker, engine: Engine) -> None:
    assert "No such container" in await ask.error("POST", "/containers/no/wait", None, 404)
    message = await ask.error("POST", "/containers/web/wait?condition=x", None, 400)
    assert message == 'invalid condition: "x"'
    answer = await ask.send("POST", "/containers/web/wait?condition=removed")
    assert engine.containers.exit is not None
    engine.containers.exit.set_result(WaitAnswer(0, "busy"))
    assert json.loads(await answer.read()) == {"StatusCode": 0, "Error": {"Message": "busy"}}


@pytest.mark.parametrize(
    ("method", "target", "status", "asked"),
    [
        ("POST", "/containers/web/stop?t=3&signal=HUP", 204, StopRequest(3, "HUP")),
        ("POST", "/v1.41/containers/web/stop?signal=HUP", 204, StopRequest(None, "")),
        ("POST", "/containers/web/restart?t=-1", 204, StopRequest(-1, "")),
        ("POST", "/containers/web/kill?signal=TERM", 204, "TERM"),
        ("POST", "/containers/web/rename?name=new", 204, "new"),
        ("POST", "/containers/web/resize?h=24&w=80", 200, (24, 80)),
        ("DELETE", "/containers/web?force=true&v=0", 204, RemoveRequest(force=True)),
    ],
)
async def test_small_ones(
    ask: Asker, engine: Engine, method: str, target: str, status: int, asked: Any
) -> None:
    assert await ask.json(method, target, status=status) is None
    assert engine.containers.asked == [asked]


@pytest.mark.parametrize(
    "target",
    [
        "/containers/web/stop?t=soon",
        "/containers/web/resize?h=x&w=80",
        "/containers/web/resize",
        "/containers/web/logs",
        "/containers/web/logs?stdout=1&since=yesterday",
        "/containers/json?limit=many",
    ],
)
async def test_bad_values(ask: Asker, target: str) -> None:
    method = "GET" if "/logs" in target or "/json" in target else "POST"
    assert await ask.error(method, target, None, 400)


async def test_top_changes_export(ask: Asker) -> None:
    top = await ask.json("GET", "/containers/web/top")
    assert top == {"Titles": ["PID", "CMD"], "Processes": [["1", "sh"]]}
    changes = await ask.json("GET", "/containers/web/changes")
    assert changes == [{"Path": "/etc", "Kind": 0}, {"Path": "/etc/x", "Kind": 1}]
    assert await (await ask.send("GET", "/containers/web/export")).read() == b"tarball"


async def test_logs(ask: Asker, engine: Engine) -> None:
    target = "/containers/web/logs?stdout=1&stderr=1&tail=5&since=3.5&until=0&timestamps=1"
    answer = await ask.send("GET", target)
    assert answer.headers["content-type"] == "application/vnd.docker.multiplexed-stream"
    framed = b"\1\0\0\0\0\0\0\4out\n\2\0\0\0\0\0\0\4err\n"
    assert await answer.read() == framed
    wanted = LogsRequest(
        stdout=True, stderr=True, timestamps=True, since=3_500_000_000, until=None, tail=5
    )
    assert engine.containers.asked == [wanted]
    old = await ask.send("GET", f"/v1.41{target}")
    assert old.headers["content-type"] == "application/vnd.docker.raw-stream"
    assert await old.read() == framed
    engine.containers.streams.tty = True
    raw = await ask.send("GET", target)
    assert raw.headers["content-type"] == "application/vnd.docker.raw-stream"
    assert await raw.read() == b"out\nerr\n"


async def test_stats(ask: Asker) -> None:
    lines = (await (await ask.send("GET", "/containers/web/stats")).read()).splitlines()
    assert [json.loads(line)["pids_stats"]["current"] for line in lines] == [1, 2, 3]
    one = await ask.json("GET", "/containers/web/stats?stream=false")
    assert (one["pids_stats"]["current"], one["preread"][-3:]) == (2, "01Z")
    first = await ask.json("GET", "/containers/web/stats?stream=0&one-shot=1")
    assert (first["pids_stats"]["current"], first["preread"]) == (1, "0001-01-01T00:00:00Z")


async def test_a_client_that_leaves_wait_cancels_it(ask: Asker, engine: Engine) -> None:
    _, writer = await asyncio.open_unix_connection(ask.path)
    writer.write(b"POST /containers/web/wait HTTP/1.1\r\nHost: x\r\n\r\n")
    while engine.containers.exit is None:
        await asyncio.sleep(0.01)
    writer.close()
    while not engine.containers.exit.cancelled():
        await asyncio.sleep(0.01)


NOW = 1_000_000 * double.SECOND


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (State(), "Created"),
        (State("running", running=True, started_at=NOW - 120 * double.SECOND), "Up 2 minutes"),
        (
            State("paused", running=True, paused=True, started_at=NOW),
            "Up Less than a second (Paused)",
        ),
        (
            State("restarting", running=True, restarting=True, exit_code=3, finished_at=NOW),
            "Restarting (3) Less than a second ago",
        ),
        (
            State("exited", exit_code=137, started_at=1, finished_at=NOW - 3 * double.SECOND),
            "Exited (137) 3 seconds ago",
        ),
        (State("removing", started_at=1), "Removal In Progress"),
        (State("dead", dead=True, started_at=1), "Dead"),
    ],
)
def test_status_texts(state: State, text: str) -> None:
    assert status_text(state, NOW) == text
