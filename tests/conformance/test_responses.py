"""Every response is as docker-api-v1.51.yaml defines it: a walk through all served endpoints."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests import images, leaks
from tests.conformance import swagger
from tests.conformance.conversation import Conversation
from tests.engines import Engine

pytestmark = pytest.mark.skipif(not swagger.available(), reason="no API definition (WHERRY_SPEC)")

BUSYBOX = {"Image": "busybox", "Cmd": ["sleep", "1000"], "HostConfig": {"Init": True}}


@pytest.fixture
def talk(engine: Engine) -> Iterator[Conversation]:
    """A judged conversation; what is wrong with any answer fails the test at its end."""
    ours = engine.kind == "wherry"
    before = leaks.Holdings.of(engine)
    with engine.connect() as connection:
        judge, version = (swagger.judge(), "1.51") if ours else (None, "1.41")
        conversation = Conversation(connection, judge, version)
        yield conversation
        for container in conversation.read("GET", "/containers/json?all=1"):
            connection.request("DELETE", f"/containers/{container['Id']}?force=1")
    assert not conversation.violations, "\n" + "\n".join(conversation.violations)
    leaks.assert_nothing_left(engine, before)


def _created(talk: Conversation, **settings: object) -> str:
    body = BUSYBOX | settings
    answer = talk.read("POST", "/containers/create", body, expect=201)
    return f"/containers/{answer['Id']}"


def _started(talk: Conversation, **settings: object) -> str:
    path = _created(talk, **settings)
    talk.ask("POST", f"{path}/start", expect=204)
    return path


def test_system(talk: Conversation) -> None:
    talk.ask("GET", "/_ping", expect=200)
    talk.read("GET", "/version")
    talk.read("GET", "/info")
    talk.read("GET", "/system/df")


def test_life_of_a_container(talk: Conversation) -> None:
    path = _created(talk, Labels={"a": "b"}, Hostname="box", Tty=False)
    talk.read("GET", f"{path}/json")
    talk.ask("POST", f"{path}/start", expect=204)
    talk.ask("POST", f"{path}/start", expect=304)
    talk.read("GET", f"{path}/json")
    talk.read("GET", f"{path}/json?size=1")
    talk.read("GET", "/containers/json?all=1&size=1")
    talk.read("GET", f"{path}/top")
    talk.read("GET", f"{path}/stats?stream=0")
    talk.ask("POST", f"{path}/pause", expect=204)
    talk.read("GET", f"{path}/json")
    talk.ask("POST", f"{path}/unpause", expect=204)
    talk.read("POST", f"{path}/update", {"PidsLimit": 50})
    talk.ask("POST", f"{path}/rename?name=judged", expect=204)
    talk.ask("POST", f"{path}/restart?t=1", expect=204)
    # Not TERM: the kernel drops it for a process 1 that has not come to its handlers yet.
    talk.ask("POST", f"{path}/kill?signal=KILL", expect=204)
    assert talk.read("POST", f"{path}/wait")["StatusCode"] == 137
    talk.ask("POST", f"{path}/stop", expect=304)
    talk.read("GET", f"{path}/json")
    talk.ask("GET", f"{path}/logs?stdout=1", expect=200)
    talk.ask("GET", f"{path}/export", expect=200)
    talk.read("GET", f"{path}/changes")
    talk.ask("DELETE", path, expect=204)
    talk.ask("DELETE", path, expect=404)


@pytest.mark.parametrize(
    ("method", "verb"),
    [
        ("GET", "/json"),
        ("GET", "/top"),
        ("GET", "/logs?stdout=1"),
        ("GET", "/stats"),
        ("GET", "/export"),
        ("GET", "/changes"),
        ("POST", "/start"),
        ("POST", "/stop"),
        ("POST", "/restart"),
        ("POST", "/kill"),
        ("POST", "/pause"),
        ("POST", "/unpause"),
        ("POST", "/wait"),
        ("POST", "/rename?name=x1"),
        ("POST", "/resize?h=1&w=1"),
        ("POST", "/attach"),
        ("DELETE", ""),
    ],
)
def test_unknown_container(talk: Conversation, method: str, verb: str) -> None:
    talk.ask(method, f"/containers/nosuch{verb}", expect=404)


def test_conflicts(talk: Conversation) -> None:
    path = _started(talk, Labels={})
    talk.ask("DELETE", path, expect=409)
    talk.ask("POST", f"{path}/unpause", expect=500)
    talk.ask("POST", f"{path}/rename?name=", expect=400)
    ended = _created(talk)
    talk.ask("POST", f"{ended}/kill", expect=409)
    talk.ask("POST", f"{ended}/pause", expect=409)
    talk.ask("POST", f"{ended}/exec", {"Cmd": ["true"]}, expect=409)
    talk.ask("POST", f"{ended}/resize?h=1&w=1", expect=409)


def test_bad_requests(talk: Conversation) -> None:
    talk.ask("POST", "/containers/create", {"Image": "nosuch", "Cmd": ["x"]}, expect=404)
    talk.ask("POST", "/containers/create", b"{", expect=400, headers=JSON)
    talk.ask("POST", "/containers/create", b"", expect=400, headers=JSON)
    talk.ask("POST", "/containers/create?name=a/b", BUSYBOX, expect=400)
    talk.ask("POST", "/containers/create", BUSYBOX | {"Env": "A=1"}, expect=400)
    talk.ask("POST", "/containers/create", BUSYBOX | {"Tty": "yes"}, expect=400)
    talk.ask("POST", "/containers/create", BUSYBOX | {"HostConfig": []}, expect=400)
    talk.ask("GET", "/containers/json?filters=odd", expect=400)
    talk.ask("GET", '/containers/json?filters={"nosuch":["1"]}', expect=400)
    talk.ask("GET", "/containers/json?limit=x", expect=400)


JSON = {"Content-Type": "application/json"}


def test_exec(talk: Conversation) -> None:
    path = _started(talk)
    body = {"Cmd": ["sh", "-c", "exit 3"], "AttachStdout": True}
    identity = talk.read("POST", f"{path}/exec", body, expect=201)["Id"]
    talk.read("GET", f"/exec/{identity}/json")
    talk.ask("POST", f"/exec/{identity}/start", {"Detach": False, "Tty": False}, expect=200)
    assert talk.read("GET", f"/exec/{identity}/json")["ExitCode"] == 3
    talk.ask("POST", f"/exec/{identity}/start", {"Detach": True}, expect=409)
    talk.ask("GET", "/exec/nosuch/json", expect=404)
    talk.ask("POST", "/exec/nosuch/start", {}, expect=404)
    talk.ask("POST", f"{path}/exec", {"Cmd": []}, expect=400)


def test_images(talk: Conversation) -> None:
    name = "judged:1"
    talk.ask("POST", "/images/load", images.busybox_archive(name), expect=200, headers=TAR)
    talk.read("GET", "/images/json")
    talk.read("GET", '/images/json?all=1&digests=1&filters={"reference":["judged"]}')
    talk.read("GET", f"/images/{name}/json")
    talk.read("GET", f"/images/{name}/history")
    talk.ask("GET", f"/images/{name}/get", expect=200)
    talk.ask("GET", f"/images/get?names={name}", expect=200)
    talk.ask("POST", f"/images/{name}/tag?repo=judged&tag=2", expect=201)
    talk.ask("POST", f"/images/{name}/tag?repo=UPPER&tag=2", expect=400)
    talk.read("DELETE", "/images/judged:2")
    talk.read("DELETE", f"/images/{name}")
    talk.read("POST", "/images/prune")
    data = images.busybox_layer()
    talk.ask("POST", "/images/create?fromSrc=-&repo=judged", data, expect=200, headers=TAR)
    talk.read("DELETE", "/images/judged")
    for method, path in [("GET", "json"), ("GET", "history"), ("GET", "get")]:
        talk.ask(method, f"/images/nosuch/{path}", expect=404)
    talk.ask("DELETE", "/images/nosuch", expect=404)
    talk.ask("POST", "/images/nosuch/tag?repo=x1", expect=404)


TAR = {"Content-Type": "application/x-tar"}


def test_events(talk: Conversation) -> None:
    path = _created(talk)
    talk.ask("DELETE", path, expect=204)
    talk.ask("GET", "/events?since=1&until=2", expect=200)
    answer = talk.ask("GET", f"/events?since=1&until={int(time.time()) + 1}", expect=200)
    assert b"destroy" in answer.body


def test_prune(talk: Conversation) -> None:
    _created(talk)
    assert len(talk.read("POST", "/containers/prune")["ContainersDeleted"]) == 1


def test_older_versions_answer_in_their_form(wherry: Engine) -> None:
    with wherry.connect() as api:
        for version in ("1.24", "1.30", "1.41", "1.44", "1.51"):
            assert api.request("GET", f"/v{version}/containers/json").status == 200
        assert api.request("GET", "/v1.23/containers/json").status == 400
        assert api.request("GET", "/v1.99/containers/json").status == 400
        assert api.request("GET", "/v1.51/nosuch").status == 404


def test_what_is_not_served_says_so(wherry: Engine) -> None:
    """Every path of the definition is served or answers 501 in Docker's error form."""
    with wherry.connect() as api:
        wrong = []
        for operation in swagger.judge().operations:
            if operation.method != "GET" or operation.template in LONG_LIVED:
                continue
            path = operation.template.replace("{", "").replace("}", "")
            answer = api.request("GET", f"/v1.51{path}")
            if answer.status in (404, 501) and set(answer.json()) != {"message"}:
                wrong.append((path, answer))
            if answer.status == 404 and answer.message == "page not found":
                wrong.append((path, answer))
        assert not wrong


LONG_LIVED = {"/events"}


def test_networks(talk: Conversation) -> None:
    pool = {"Subnet": "10.219.0.0/24", "Gateway": "10.219.0.1", "IPRange": "10.219.0.128/25"}
    body = {"Name": "judged", "Labels": {"a": "b"}, "IPAM": {"Config": [pool]}}
    made = talk.read("POST", "/networks/create", body, expect=201)
    talk.read("GET", "/networks")
    talk.read("GET", "/networks/judged")
    talk.read("GET", "/networks/host")
    path = _started(talk, ExposedPorts={"80/tcp": {}})
    endpoint = {"IPAMConfig": {"IPv4Address": "10.219.0.7"}, "Aliases": ["x"]}
    connection = {"Container": path.rpartition("/")[2], "EndpointConfig": endpoint}
    talk.ask("POST", "/networks/judged/connect", connection, expect=200)
    talk.ask("POST", "/networks/judged/connect", connection, expect=403)
    talk.read("GET", "/networks/judged")
    talk.read("GET", f"{path}/json")
    talk.read("GET", "/containers/json")
    talk.ask("DELETE", "/networks/judged", expect=403)
    talk.ask("POST", "/networks/judged/disconnect", connection, expect=200)
    talk.ask("POST", "/networks/create", {"Name": "host"}, expect=403)
    talk.ask("POST", "/networks/create", {"Name": "judged", "CheckDuplicate": True}, expect=409)
    talk.ask("GET", "/networks/nosuch", expect=404)
    talk.ask("DELETE", f"/networks/{made['Id']}", expect=204)
    talk.read("POST", "/networks/prune")
