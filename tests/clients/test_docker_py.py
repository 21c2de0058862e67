"""docker-py, the Python client of most tools, on every engine."""

from __future__ import annotations

import io
import tarfile
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests import images
from tests.engines import Engine

docker = pytest.importorskip("docker", reason="docker-py is not installed")
errors = docker.errors


@pytest.fixture
def client(engine: Engine) -> Iterator[Any]:
    """A client of the engine; containers that a test leaves are removed."""
    api = docker.DockerClient(base_url=engine.host, version="auto", timeout=60)
    yield api
    for container in api.containers.list(all=True):
        container.remove(force=True)
    api.close()


@pytest.fixture
def sleeper(client: Any) -> Any:
    """A running container."""
    return client.containers.run("busybox", "sleep 1000", detach=True, init=True)


def test_version_and_ping(client: Any) -> None:
    assert client.ping() is True
    assert client.version()["Os"] == "linux"
    assert client.info()["OSType"] == "linux"


def test_run_returns_output(client: Any) -> None:
    assert client.containers.run("busybox", ["echo", "hello"], remove=True) == b"hello\n"


def test_run_raises_with_status_and_stderr(client: Any) -> None:
    with pytest.raises(errors.ContainerError) as raised:
        client.containers.run("busybox", "sh -c 'echo why >&2; exit 3'", remove=True)
    assert raised.value.exit_status == 3
    assert b"why" in raised.value.stderr


def test_run_with_settings(client: Any) -> None:
    output = client.containers.run(
        "busybox",
        ["sh", "-c", "id -u; pwd; echo $A; hostname; ulimit -n; cat /sys/fs/cgroup/pids/pids.max"],
        remove=True,
        user="app",
        working_dir="/tmp",
        environment={"A": "1"},
        hostname="box",
        ulimits=[docker.types.Ulimit(name="nofile", soft=50, hard=60)],
        pids_limit=20,
        network_mode="none",
        cap_drop=["ALL"],
        tmpfs={"/t": "size=1m"},
        labels={"k": "v"},
    )
    assert output.split() == [b"1000", b"/tmp", b"1", b"box", b"50", b"20"]


def test_streamed_logs_follow_to_the_end(client: Any) -> None:
    command = "sh -c 'for i in 1 2 3; do echo $i; sleep 0.1; done'"
    container = client.containers.run("busybox", command, detach=True)
    assert b"".join(container.logs(stream=True, follow=True)) == b"1\n2\n3\n"


def test_logs_of_one_stream_with_tail_and_timestamps(client: Any) -> None:
    container = client.containers.run(
        "busybox", "sh -c 'seq 5; echo error >&2'", detach=True, stderr=True
    )
    container.wait()
    assert container.logs(stdout=False) == b"error\n"
    assert len(container.logs(tail=2).splitlines()) == 2
    first = container.logs(stderr=False, timestamps=True).splitlines()[0]
    assert first[:2] == b"20" and first.endswith(b"Z 1")


def test_wait_gives_the_exit_code(client: Any) -> None:
    container = client.containers.run("busybox", "sh -c 'exit 9'", detach=True)
    assert container.wait()["StatusCode"] == 9
    assert container.wait(condition="not-running")["StatusCode"] == 9


def test_wait_for_the_next_exit(client: Any) -> None:
    container = client.containers.create("busybox", "sh -c 'exit 4'")
    results: list[int] = []
    waiter = threading.Thread(
        target=lambda: results.append(container.wait(condition="next-exit")["StatusCode"])
    )
    waiter.start()
    while not results and waiter.is_alive():  # the wait may reach the engine after a start
        container.start()
        waiter.join(0.5)
    waiter.join()
    assert results == [4]


def test_attach_receives_and_sends(client: Any) -> None:
    container = client.containers.create("busybox", "cat", stdin_open=True, tty=False)
    sock = container.attach_socket(params={"stdin": 1, "stdout": 1, "stream": 1})
    container.start()
    raw = getattr(sock, "_sock", sock)
    raw.sendall(b"typed\n")
    assert raw.recv(8 + 6) == b"\x01\0\0\0\0\0\0\x06typed\n"
    sock.close()


def test_exec_run(sleeper: Any) -> None:
    assert sleeper.exec_run("echo hello") == (0, b"hello\n")
    assert sleeper.exec_run("sh -c 'exit 6'").exit_code == 6
    result = sleeper.exec_run("sh -c 'echo out; echo err >&2'", demux=True)
    assert result.output == (b"out\n", b"err\n")
    result = sleeper.exec_run(["sh", "-c", "id -u; pwd; echo $A"], user="app", workdir="/tmp",
                              environment={"A": "b"})  # fmt: skip
    assert result.output.split() == [b"1000", b"/tmp", b"b"]
    assert b"".join(sleeper.exec_run("seq 3", stream=True).output) == b"1\n2\n3\n"


def test_exec_socket(sleeper: Any) -> None:
    sock = sleeper.exec_run("cat", stdin=True, socket=True).output
    raw = getattr(sock, "_sock", sock)
    raw.sendall(b"typed\n")
    assert raw.recv(8 + 6) == b"\x01\0\0\0\0\0\0\x06typed\n"
    sock.close()


def test_exec_inspect(sleeper: Any) -> None:
    api = sleeper.client.api
    identity = api.exec_create(sleeper.id, "sh -c 'exit 2'")["Id"]
    assert api.exec_inspect(identity)["Running"] is False
    api.exec_start(identity)
    found = api.exec_inspect(identity)
    assert (found["ExitCode"], found["Running"], found["ContainerID"]) == (2, False, sleeper.id)


def test_life_cycle(client: Any, sleeper: Any) -> None:
    sleeper.pause()
    sleeper.reload()
    assert sleeper.status == "paused"
    sleeper.unpause()
    sleeper.restart(timeout=1)
    sleeper.reload()
    assert sleeper.status == "running"
    sleeper.kill("SIGKILL")
    assert sleeper.wait()["StatusCode"] == 137
    sleeper.start()
    sleeper.stop(timeout=1)
    sleeper.remove()
    with pytest.raises(errors.NotFound):
        client.containers.get(sleeper.id)


def test_top_and_stats(sleeper: Any) -> None:
    top = sleeper.top()
    assert "PID" in top["Titles"] and any("sleep 1000" in row[-1] for row in top["Processes"])
    assert sleeper.stats(stream=False)["pids_stats"]["current"] >= 1


def test_list_with_filters(client: Any, sleeper: Any) -> None:
    ended = client.containers.create("busybox", labels={"find": "me"})
    assert [c.id for c in client.containers.list()] == [sleeper.id]
    found = client.containers.list(all=True, filters={"label": "find=me"})
    assert [c.id for c in found] == [ended.id]
    assert client.containers.list(filters={"status": "exited"}) == []


def test_load_save_tag_remove(client: Any) -> None:
    name = f"loaded-{uuid.uuid4().hex[:8]}"
    (image,) = client.images.load(images.busybox_archive(f"{name}:1"))
    assert f"{name}:1" in image.tags
    assert image.tag(name, "2")
    image.reload()
    saved = b"".join(image.save(named=f"{name}:2"))
    with tarfile.open(fileobj=io.BytesIO(saved)) as archive:
        assert "manifest.json" in archive.getnames()
    client.images.remove(f"{name}:1")
    client.images.remove(f"{name}:2")
    assert client.images.list(name) == []


def test_import_and_history(client: Any) -> None:
    name = f"imported-{uuid.uuid4().hex[:8]}"
    client.api.import_image_from_data(images.busybox_layer(), repository=name, tag="1")
    image = client.images.get(f"{name}:1")
    assert len(image.history()) == 1
    assert client.containers.run(image, ["/bin/echo", "fine"], remove=True) == b"fine\n"
    client.images.remove(f"{name}:1")


def test_export(client: Any) -> None:
    container = client.containers.create("busybox")
    data = b"".join(container.export())
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert "bin/busybox" in archive.getnames()


def test_errors_have_their_kinds(client: Any) -> None:
    with pytest.raises(errors.ImageNotFound):
        client.images.get("nosuch")
    with pytest.raises(errors.NotFound):
        client.containers.get("nosuch")
    with pytest.raises(errors.APIError) as raised:
        client.containers.create("busybox", name="a/b")
    assert raised.value.status_code == 400
    client.containers.create("busybox", name="taken")
    with pytest.raises(errors.APIError) as raised:
        client.containers.create("busybox", name="taken")
    assert raised.value.status_code == 409
