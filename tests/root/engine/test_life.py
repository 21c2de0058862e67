"""The life of containers over the API of a running engine: states, events, waits, restarts."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.engines import Engine
from tests.httpclient import Answer, Connection

PATIENCE = 30.0


class Client:
    """Short calls on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def call(self, method: str, path: str, body: object = None) -> Answer:
        return self._connection.request(method, f"/v1.47{path}", body)

    def create(self, *command: str, name: str = "", **body: Any) -> str:
        path = f"/containers/create?name={name}" if name else "/containers/create"
        answer = self.call("POST", path, {"Image": "busybox", "Cmd": list(command), **body})
        assert answer.status == 201, answer
        return str(answer.json()["Id"])

    def start(self, id: str) -> None:
        answer = self.call("POST", f"/containers/{id}/start")
        assert answer.status == 204, answer

    def wait(self, id: str) -> int:
        return int(self.call("POST", f"/containers/{id}/wait").json()["StatusCode"])

    def inspect(self, id: str) -> Any:
        return self.call("GET", f"/containers/{id}/json").json()

    def remove(self, id: str) -> None:
        assert self.call("DELETE", f"/containers/{id}?force=1&v=1").status == 204

    def until(self, id: str, condition: Callable[[Any], bool]) -> Any:
        limit = time.monotonic() + PATIENCE
        while not condition(found := self.inspect(id)):
            assert time.monotonic() < limit, found["State"]
            time.sleep(0.02)
        return found

    def actions(self, id: str, since: int) -> list[str]:
        path = f"/events?since={since}&until={int(time.time()) + 1}"
        lines = self.call("GET", f"{path}&filters=" + quote(json.dumps({"container": [id]}))).body
        return [json.loads(line)["Action"] for line in lines.splitlines()]


@pytest.fixture
def client(wherry: Engine, clean: Callable[[Engine], None]) -> Iterator[Client]:
    clean(wherry)
    with wherry.connect() as connection:
        yield Client(connection)


def test_a_life_with_its_events(client: Client) -> None:
    since = int(time.time())
    id = client.create("sh", "-c", "exit 3")
    assert client.inspect(id)["State"]["Status"] == "created"
    client.start(id)
    assert client.wait(id) == 3
    state = client.inspect(id)["State"]
    assert (state["Status"], state["ExitCode"], state["Running"]) == ("exited", 3, False)
    client.remove(id)
    assert client.actions(id, since) == ["create", "start", "die", "destroy"]


def test_kill_stop_restart_pause(client: Client) -> None:
    since = int(time.time())
    id = client.create("sleep", "1000", StopSignal="KILL")
    client.start(id)
    assert client.call("POST", f"/containers/{id}/start").status == 304
    assert client.call("POST", f"/containers/{id}/pause").status == 204
    assert client.inspect(id)["State"]["Status"] == "paused"
    assert client.call("POST", f"/containers/{id}/pause").status == 409
    assert client.call("POST", f"/containers/{id}/unpause").status == 204
    assert client.call("POST", f"/containers/{id}/restart?t=20").status == 204
    assert client.call("POST", f"/containers/{id}/stop").status == 204
    assert client.call("POST", f"/containers/{id}/stop").status == 304
    assert client.call("POST", f"/containers/{id}/kill").status == 409
    assert client.inspect(id)["State"]["ExitCode"] == 137
    client.remove(id)
    assert client.actions(id, since) == [
        "create", "start", "pause", "unpause", "kill", "die", "stop", "start", "restart",
        "kill", "die", "stop", "destroy",
    ]  # fmt: skip


def test_stopping_a_frozen_container(client: Client) -> None:
    id = client.create("sleep", "1000", StopSignal="KILL")
    client.start(id)
    client.call("POST", f"/containers/{id}/pause")
    assert client.call("POST", f"/containers/{id}/stop").status == 204
    assert client.inspect(id)["State"]["Status"] == "exited"
    client.remove(id)


def test_a_wait_holds_from_its_answer(client: Client, wherry: Engine) -> None:
    id = client.create("true", HostConfig={"AutoRemove": True})
    with wherry.connect() as other:
        response = other.open("POST", f"/v1.47/containers/{id}/wait?condition=removed")
        client.start(id)
        assert json.loads(response.read()) == {"StatusCode": 0}
    assert client.call("GET", f"/containers/{id}/json").status == 404


def test_restart_policy_counts_and_gives_up(client: Client) -> None:
    policy = {"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 2}}
    id = client.create("sh", "-c", "exit 4", HostConfig=policy)
    client.start(id)
    found = client.until(id, lambda it: it["State"]["Status"] == "exited")
    assert (found["RestartCount"], found["State"]["ExitCode"]) == (2, 4)
    client.remove(id)


def test_what_is_restarted_for_ever_can_be_stopped(client: Client) -> None:
    id = client.create("true", HostConfig={"RestartPolicy": {"Name": "always"}})
    client.start(id)
    client.until(id, lambda it: it["RestartCount"] >= 2)
    assert client.call("POST", f"/containers/{id}/stop?t=0").status == 204
    count = client.inspect(id)["RestartCount"]
    time.sleep(0.5)
    found = client.inspect(id)
    assert (found["State"]["Status"], found["RestartCount"]) == ("exited", count)
    client.remove(id)


def test_out_of_memory_is_told(client: Client) -> None:
    since = int(time.time())
    limits = {"Memory": 16 << 20, "MemorySwap": 16 << 20}
    id = client.create("sh", "-c", "x=a; while :; do x=$x$x; done", HostConfig=limits)
    client.start(id)
    assert client.wait(id) == 137
    assert client.inspect(id)["State"]["OOMKilled"]
    client.remove(id)
    assert client.actions(id, since) == ["create", "start", "oom", "die", "destroy"]


def test_a_failed_start_is_remembered(client: Client) -> None:
    id = client.create("/no/such/program")
    answer = client.call("POST", f"/containers/{id}/start")
    assert answer.status == 400
    assert "no such file or directory" in answer.message
    state = client.inspect(id)["State"]
    assert (state["Status"], state["ExitCode"]) == ("created", 127)
    assert "no such file or directory" in state["Error"]
    client.remove(id)


def test_rename_and_names_in_use(client: Client) -> None:
    first = client.create("true", name="life-one")
    answer = client.call("POST", "/containers/create?name=life-one", {"Image": "busybox"})
    assert answer.status == 409
    assert answer.message == (
        f'Conflict. The container name "/life-one" is already in use by container "{first}". '
        "You have to remove (or rename) that container to be able to reuse that name."
    )
    assert client.call("POST", f"/containers/{first}/rename?name=life-two").status == 204
    assert client.inspect("life-two")["Id"] == first
    second = client.create("true", name="life-one")
    answer = client.call("POST", f"/containers/{second}/rename?name=life-two")
    assert answer.status == 409
    client.remove(first)
    client.remove(second)


def _exec_start(engine: Engine, exec_id: str, *, tty: bool = False) -> Answer:
    """On a connection of its own: the answer takes it over."""
    with engine.connect() as connection:
        body = {"Detach": False, "Tty": tty}
        return connection.request("POST", f"/v1.47/exec/{exec_id}/start", body)


def test_an_exec_has_its_own_exit_code(client: Client, wherry: Engine) -> None:
    id = client.create("sleep", "1000", StopSignal="KILL")
    client.start(id)
    body = {"Cmd": ["sh", "-c", "exit 9"], "AttachStdout": True}
    exec_id = client.call("POST", f"/containers/{id}/exec", body).json()["Id"]
    assert client.call("GET", f"/exec/{exec_id}/json").json()["ExitCode"] is None
    assert _exec_start(wherry, exec_id).status == 200
    assert client.call("GET", f"/exec/{exec_id}/json").json()["ExitCode"] == 9
    answer = client.call("POST", f"/exec/{exec_id}/start", {"Detach": True})
    assert (answer.status, answer.message) == (409, f"exec command {exec_id} has already run")
    client.remove(id)
    assert client.call("GET", f"/exec/{exec_id}/json").status == 404


def test_limits_change_while_it_runs(client: Client, wherry: Engine) -> None:
    id = client.create("sleep", "1000", StopSignal="KILL")
    client.start(id)
    answer = client.call("POST", f"/containers/{id}/update", {"PidsLimit": 7})
    assert answer.status == 200, answer
    body = {"Cmd": ["cat", "/sys/fs/cgroup/pids/pids.max"], "AttachStdout": True, "Tty": True}
    exec_id = client.call("POST", f"/containers/{id}/exec", body).json()["Id"]
    assert _exec_start(wherry, exec_id, tty=True).body.strip() == b"7"
    assert client.inspect(id)["HostConfig"]["PidsLimit"] == 7
    client.remove(id)


def test_borrowed_namespaces_need_a_running_lender(client: Client) -> None:
    lender = client.create("sleep", "1000", StopSignal="KILL")
    id = client.create("true", HostConfig={"NetworkMode": f"container:{lender}"})
    answer = client.call("POST", f"/containers/{id}/start")
    assert answer.status == 409
    assert "non running container" in answer.message
    client.start(lender)
    client.start(id)
    assert client.wait(id) == 0
    client.remove(id)
    client.remove(lender)


def test_anonymous_volumes_go_with_their_container(client: Client) -> None:
    id = client.create("sh", "-c", "cat /etc/group; echo x > /etc/new", Volumes={"/etc": {}})
    point = client.inspect(id)["Mounts"][0]
    assert (point["Type"], point["Destination"]) == ("volume", "/etc")
    client.start(id)
    assert client.wait(id) == 0
    client.remove(id)
