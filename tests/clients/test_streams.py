"""No byte is lost or cut off: pipelines, slow readers, one-byte outputs, many at once."""

from __future__ import annotations

import hashlib
import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests import httpclient
from tests.engines import Engine

LONG = bool(os.environ.get("WHERRY_LONG"))
ONE_BYTE_RUNS = 300 if LONG else 40
SLOW_BYTES = 19_000_000


def _numbers(count: int) -> bytes:
    return b"".join(b"%d\n" % number for number in range(1, count + 1))


def test_pipeline_through_standard_input(engine: Engine) -> None:
    data = os.urandom(5_000_000)
    done = engine.docker("run", "--rm", "-i", "busybox", "cat", stdin=data)
    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(data).digest()


def test_pipeline_through_exec(engine: Engine) -> None:
    name = engine.output("run", "-d", "busybox", "sleep", "1000")
    try:
        data = os.urandom(5_000_000)
        done = engine.docker("exec", "-i", name, "cat", stdin=data)
        assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(data).digest()
    finally:
        engine.output("rm", "-f", name)


def test_slow_reader_gets_every_byte(engine: Engine) -> None:
    command = ["docker", "run", "--rm", "busybox", "seq", "2600000"]
    expected = _numbers(2_600_000)
    assert len(expected) > SLOW_BYTES
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=engine.environment) as process:
        assert process.stdout is not None
        received = hashlib.sha256()
        length = 0
        while piece := process.stdout.read(1_000_000):
            received.update(piece)
            length += len(piece)
            time.sleep(1 if LONG else 0.1)
    assert length == len(expected)
    assert received.digest() == hashlib.sha256(expected).digest()
    assert process.returncode == 0


def test_slow_reader_of_exec_gets_every_byte(engine: Engine) -> None:
    name = engine.output("run", "-d", "busybox", "sleep", "1000")
    try:
        with engine.connect() as api:
            body = {"Cmd": ["seq", "2600000"], "AttachStdout": True, "AttachStderr": True}
            created = api.request("POST", f"/containers/{name}/exec", body).json()
            raw = api.upgrade(f"/exec/{created['Id']}/start", {"Detach": False, "Tty": False})
        received = bytearray()
        with raw:
            while piece := raw.recv(1 << 20):
                received += piece
                time.sleep(0.002)
        assert httpclient.demultiplex(bytes(received)) == {1: _numbers(2_600_000)}
    finally:
        engine.output("rm", "-f", name)


def test_one_byte_is_never_lost(engine: Engine) -> None:
    def run(number: int) -> bytes:
        return engine.docker("run", "--rm", "busybox", "printf", str(number % 10)).stdout

    with ThreadPoolExecutor(4) as pool:
        outputs = list(pool.map(run, range(ONE_BYTE_RUNS)))
    assert outputs == [b"%d" % (number % 10) for number in range(ONE_BYTE_RUNS)]


def test_one_byte_of_an_exec_is_never_lost(engine: Engine) -> None:
    name = engine.output("run", "-d", "busybox", "sleep", "1000")
    try:
        outputs = [engine.docker("exec", name, "printf", "x").stdout for _ in range(ONE_BYTE_RUNS)]
    finally:
        engine.output("rm", "-f", name)
    assert outputs == [b"x"] * ONE_BYTE_RUNS


def test_twenty_at_once(engine: Engine) -> None:
    def run(number: int) -> str:
        return engine.output("run", "--rm", "busybox", "echo", str(number))

    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(run, range(20))) == [str(number) for number in range(20)]


def test_large_environment(engine: Engine) -> None:
    """10 MB do not fit into execve(2) (a quarter of the stack limit, 6 MB at most; 128 KiB for one
    string): the engine must say so. What fits must arrive."""
    fits = [f"V{number}={'x' * 10_000}" for number in range(100)]
    with engine.connect() as api:
        done = _run_with_environment(api, fits)
        assert done == (0, b"1000000\n")
        status, text = _run_with_environment(api, [f"V{n}={'x' * 100_000}" for n in range(100)])
    assert status != 0
    assert b"argument list too long" in text.lower()


def _run_with_environment(api: httpclient.Connection, environment: list[str]) -> tuple[int, bytes]:
    """Exit status and output, or HTTP status and message when it does not start."""
    command = ["sh", "-c", "env | grep ^V | cut -d= -f2 | tr -d '\\n' | wc -c"]
    body = {"Image": "busybox", "Env": environment, "Cmd": command}
    created = api.request("POST", "/containers/create", body)
    assert created.status == 201, created
    path = f"/containers/{created.json()['Id']}"
    try:
        started = api.request("POST", f"{path}/start")
        if started.status != 204:
            return started.status, started.body
        status = api.request("POST", f"{path}/wait").json()["StatusCode"]
        output = api.request("GET", f"{path}/logs?stdout=1&stderr=1").body
        return status, b"".join(payload for _, payload in httpclient.frames(output))
    finally:
        api.request("DELETE", f"{path}?force=1")


@pytest.mark.parametrize("follow", [0, 1])
def test_half_closed_attach_still_receives(engine: Engine, follow: int) -> None:
    """The client ends its side; output that comes later arrives all the same."""
    with engine.connect() as api:
        body = {
            "Image": "busybox",
            "Cmd": ["sh", "-c", "cat > /dev/null; sleep 0.2; echo after"],
            "OpenStdin": True,
            "StdinOnce": True,
            "AttachStdin": True,
            "AttachStdout": True,
        }
        path = f"/containers/{api.request('POST', '/containers/create', body).json()['Id']}"
        raw = api.upgrade(f"{path}/attach?stream=1&stdin=1&stdout=1&stderr=1&logs={follow}")
        with raw:
            assert api.request("POST", f"{path}/start").status == 204
            raw.sendall(b"input")
            raw.shutdown(1)
            assert httpclient.demultiplex(httpclient.read_all(raw)) == {1: b"after\n"}
        api.request("DELETE", f"{path}?force=1")
