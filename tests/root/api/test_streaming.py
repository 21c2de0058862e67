"""What only a real engine behind the API shows: early bytes, clients that go, endless bodies."""

from __future__ import annotations

import io
import socket
import tarfile
import time
from collections.abc import Callable, Iterator

import pytest

from tests import processes
from tests.engines import Engine
from tests.httpclient import Connection, demultiplex, read_all

MEGABYTE = 1 << 20


@pytest.fixture
def sleeper(wherry: Engine) -> Iterator[str]:
    """The id of a running container."""
    id = wherry.output("run", "-d", "--network", "none", "busybox", "sleep", "1000")
    yield id
    wherry.output("rm", "-f", id)


def facts(engine: Engine) -> tuple[int, int, int]:
    """Open descriptors, tasks and event listeners of the daemon."""
    with engine.connect() as connection:
        info = connection.request("GET", "/info").json()
    return info["NFd"], info["NGoroutines"], info["NEventsListener"]


def comes_back(engine: Engine, before: tuple[int, int, int]) -> bool:
    """Whether the daemon holds no more than before, within some seconds."""
    limit = time.monotonic() + 30
    while time.monotonic() < limit:
        if all(now <= then for now, then in zip(facts(engine), before, strict=True)):
            return True
        time.sleep(0.05)
    return False


def test_bytes_behind_the_body_of_an_exec_start_are_its_input(wherry: Engine, sleeper: str) -> None:
    with wherry.connect() as connection:
        config = {"Cmd": ["cat"], "AttachStdin": True, "AttachStdout": True}
        made = connection.request("POST", f"/containers/{sleeper}/exec", config).json()
    raw = socket.socket(socket.AF_UNIX)
    raw.connect(str(wherry.socket))
    head = (
        f"POST /v1.50/exec/{made['Id']}/start HTTP/1.1\r\nHost: x\r\n"
        "Connection: Upgrade\r\nUpgrade: tcp\r\n"
        "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n"
    )
    raw.sendall(head.encode() + b"{}early ")
    raw.sendall(b"and late")
    raw.shutdown(socket.SHUT_WR)
    answer, _, said = read_all(raw).partition(b"\r\n\r\n")
    raw.close()
    assert answer.startswith(b"HTTP/1.1 101 UPGRADED")
    assert b"multiplexed-stream" in answer
    assert demultiplex(said) == {1: b"early and late"}


@pytest.mark.parametrize(
    "ask",
    [
        lambda c, id: c.open("POST", f"/containers/{id}/wait"),
        lambda c, id: c.open("GET", f"/containers/{id}/logs?stdout=1&follow=1"),
        lambda c, id: c.open("GET", "/events"),
        lambda c, id: c.open("GET", f"/containers/{id}/stats"),
    ],
    ids=["wait", "logs", "events", "stats"],
)
def test_nothing_works_for_a_client_that_is_gone(
    wherry: Engine, sleeper: str, ask: Callable[[Connection, str], object]
) -> None:
    facts(wherry)
    before = facts(wherry)
    connections = [wherry.connect() for _ in range(5)]
    for connection in connections:
        ask(connection, sleeper)
    assert facts(wherry)[1] > before[1]
    for connection in connections:
        connection.close()
    assert comes_back(wherry, before)


def test_attachments_of_clients_that_are_gone_end(wherry: Engine, sleeper: str) -> None:
    facts(wherry)
    before = facts(wherry)
    target = f"/containers/{sleeper}/attach?stream=1&stdin=1&stdout=1&stderr=1"
    for half_close in (False, True):
        raws = [wherry.connect().upgrade(target) for _ in range(5)]
        for raw in raws:
            if half_close:
                raw.shutdown(socket.SHUT_WR)
        assert facts(wherry)[1] > before[1]
        for raw in raws:
            raw.close()
        assert comes_back(wherry, before)


def test_a_large_upload_is_not_gathered_in_memory(wherry: Engine) -> None:
    assert wherry.daemon is not None
    size = 300 * MEGABYTE
    idle = processes.resident_set_size(wherry.daemon.pid)
    peak = 0

    def archive() -> Iterator[bytes]:
        nonlocal peak
        header = tarfile.TarInfo("big")
        header.size = size
        yield header.tobuf()
        block = bytes(MEGABYTE)
        assert wherry.daemon is not None
        for count in range(size // MEGABYTE):
            if count % 20 == 0:
                peak = max(peak, processes.resident_set_size(wherry.daemon.pid))
            yield block
        yield bytes(2 * 512)

    with wherry.connect() as connection:
        http = connection._http
        http.request(
            "POST", "/images/create?fromSrc=-&repo=big", archive(),
            {"Transfer-Encoding": "chunked"}, encode_chunked=True,
        )  # fmt: skip
        answer = http.getresponse()
        body = answer.read()
    assert answer.status == 200 and b"sha256:" in body, body
    wherry.output("rmi", "big")
    assert peak - idle < 48 * MEGABYTE


def test_an_export_is_not_gathered_in_memory(wherry: Engine) -> None:
    assert wherry.daemon is not None
    id = wherry.output(
        "run", "-d", "busybox", "dd", "if=/dev/zero", "of=/big", "bs=1M", "count=200"
    )
    assert wherry.output("wait", id) == "0"
    idle = processes.resident_set_size(wherry.daemon.pid)
    received = 0
    with wherry.connect() as connection:
        answer = connection.open("GET", f"/containers/{id}/export")
        while piece := answer.read(MEGABYTE):
            received += len(piece)
            if received // MEGABYTE % 20 == 0:
                time.sleep(0.01)  # a slow reader holds the engine back
    grown = processes.resident_set_size(wherry.daemon.pid) - idle
    wherry.output("rm", id)
    assert received > 200 * MEGABYTE
    assert grown < 48 * MEGABYTE


def test_a_broken_upload_leaves_no_image(wherry: Engine) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo("f")
        member.size = MEGABYTE
        archive.addfile(member, io.BytesIO(bytes(MEGABYTE)))
    before = wherry.output("images", "-aq")
    raw = socket.socket(socket.AF_UNIX)
    raw.connect(str(wherry.socket))
    head = b"POST /images/create?fromSrc=- HTTP/1.1\r\nHost: x\r\nContent-Length: 2097152\r\n\r\n"
    raw.sendall(head + buffer.getvalue()[: MEGABYTE // 2])
    raw.close()
    time.sleep(0.5)
    assert wherry.output("images", "-aq") == before


def test_wait_before_start_sees_the_first_exit(wherry: Engine) -> None:
    id = wherry.output("create", "busybox", "sh", "-c", "exit 9")
    with wherry.connect() as waiting, wherry.connect() as starting:
        answer = waiting.open("POST", f"/containers/{id}/wait?condition=next-exit")
        assert answer.status == 200
        assert starting.request("POST", f"/containers/{id}/start").status == 204
        assert answer.read().strip() == b'{"StatusCode":9}'
    wherry.output("rm", id)


def test_a_log_that_is_asked_for_is_whole_though_the_container_goes(wherry: Engine) -> None:
    """docker-py's `run(remove=True)`: the log is begun, the container removed, then it is read."""
    body = {"Image": "busybox", "Cmd": ["echo", "x"], "HostConfig": {"NetworkMode": "none"}}
    with wherry.connect() as connection:
        for _ in range(40):
            id = connection.request("POST", "/containers/create", body).json()["Id"]
            connection.request("POST", f"/containers/{id}/start")
            with wherry.connect() as other:
                log = other.open("GET", f"/containers/{id}/logs?stdout=1&follow=1")
                connection.request("POST", f"/containers/{id}/wait")
                assert connection.request("DELETE", f"/containers/{id}").status == 204
                assert log.read().endswith(b"x\n")
