"""What a registry has acknowledged survives kill -9; uploads go on; garbage goes under load."""

from __future__ import annotations

import hashlib
import http.client
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.registries import WherryRegistry
from tests.registryclient import RegistryClient, digest_of, image

NAME = "load/app"
BROKEN = (OSError, http.client.HTTPException)


def wait_until(what: Callable[[], bool], seconds: float = 30.0) -> None:
    """Return when it has become true."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


def size_of(root: Path) -> int:
    """Bytes of all files of blobs."""
    return sum(path.stat().st_size for path in root.rglob("*") if path.is_file())


def collect(registry: WherryRegistry) -> None:
    """Ask for a collection of garbage."""
    assert registry.process is not None
    registry.process.send_signal(signal.SIGUSR1)


def test_an_upload_goes_on_after_kill(tmp_path: Path) -> None:
    data = os.urandom(3_000_000)
    registry = WherryRegistry(tmp_path / "r")
    with registry:
        with RegistryClient(registry.address) as client:
            place = client.begin(NAME).location
            sent = client.request("PATCH", place, data[:1_000_000])
            assert sent.headers["range"] == "0-999999"
        registry.kill()
        registry.start()
        with RegistryClient(registry.address) as client:
            assert client.get(place).headers["range"] == "0-999999"
            headers = {"Content-Range": "1000000-2999999"}
            done = client.request("PUT", place, data[1_000_000:], headers, digest=digest_of(data))
            assert done.status == 201
            assert client.get(done.location).body == data


def _push_until_broken(address: str, worker: int, done: list[tuple[str, str]]) -> None:
    """Push images and note each that was acknowledged, until the registry is gone."""
    try:
        with RegistryClient(address) as client:
            for number in range(10_000):
                tag = f"w{worker}-{number}"
                digest = client.push_image(NAME, tag, [os.urandom(50_000)])
                done.append((tag, digest))
    except BROKEN:
        return


def test_kill_under_load_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    registry = WherryRegistry(tmp_path / "r")
    done: list[tuple[str, str]] = []
    with registry:
        for _ in range(3):
            before = len(done)
            workers = [
                threading.Thread(target=_push_until_broken, args=(registry.address, n, done))
                for n in range(len(done), len(done) + 4)
            ]
            for worker in workers:
                worker.start()
            wait_until(lambda before=before: len(done) > before + 20)
            registry.kill()
            for worker in workers:
                worker.join()
            registry.start()
        with RegistryClient(registry.address) as client:
            for tag, digest in done:
                reply = client.get(f"/v2/{NAME}/manifests/{tag}")
                assert reply.headers["docker-content-digest"] == digest
                for each in (reply.json["config"], *reply.json["layers"]):
                    blob = client.get(f"/v2/{NAME}/blobs/{each['digest']}").body
                    assert digest_of(blob) == each["digest"]


def test_two_uploads_of_one_blob_at_once(tmp_path: Path) -> None:
    data = os.urandom(2_000_000)
    with WherryRegistry(tmp_path / "r") as registry:
        first, second = RegistryClient(registry.address), RegistryClient(registry.address)
        with first, second:
            places = [each.begin(NAME).location for each in (first, second)]
            for client, place in zip((first, second), places, strict=True):
                assert client.request("PATCH", place, data).status == 202
            for client, place in zip((first, second), places, strict=True):
                done = client.request("PUT", place, digest=digest_of(data))
                assert done.status == 201
            assert first.get(f"/v2/{NAME}/blobs/{digest_of(data)}").body == data
        assert size_of(registry.root / "data" / "blobs") == len(data)
        assert not list((registry.root / "data" / "uploads").iterdir())


def test_a_broken_upload_leaves_what_had_arrived(tmp_path: Path) -> None:
    data = os.urandom(500_000)
    with WherryRegistry(tmp_path / "r") as registry, RegistryClient(registry.address) as client:
        place = client.begin(NAME).location
        host, _, port = registry.address.partition(":")
        with socket.create_connection((host, int(port))) as raw:
            head = f"PATCH {place} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n"
            raw.sendall(head.encode() + data[:300_000])
            raw.shutdown(socket.SHUT_WR)
            assert b"BLOB_UPLOAD_INVALID" in raw.recv(65536)
        assert client.get(place).headers["range"] == "0-299999"
        headers = {"Content-Range": f"300000-{len(data) - 1}"}
        done = client.request("PUT", place, data[300_000:], headers, digest=digest_of(data))
        assert (done.status, client.get(done.location).body == data) == (201, True)


def test_a_later_request_takes_an_upload_over(tmp_path: Path) -> None:
    """The first client is gone without a word (its network is), the second one goes on."""
    data = os.urandom(400_000)
    with WherryRegistry(tmp_path / "r") as registry, RegistryClient(registry.address) as client:
        place = client.begin(NAME).location
        host, _, port = registry.address.partition(":")
        with socket.create_connection((host, int(port))) as silent:
            lines = (f"PATCH {place} HTTP/1.1", "Host: x", f"Content-Length: {len(data)}")
            silent.sendall("\r\n".join((*lines, "Expect: 100-continue", "", "")).encode())
            assert silent.recv(1000).startswith(b"HTTP/1.1 100 ")  # it has begun
            silent.sendall(data[:100])
            done = client.request("PUT", place, data, digest=digest_of(data))
            assert done.status == 201
            silent.sendall(data[100:])
        assert client.get(done.location).body == data


_QUICK = "[collection]\ninterval = 0.2\ngrace = 1\nuploads = 1\n"


def test_deleted_bytes_come_back_and_nothing_else_goes(tmp_path: Path) -> None:
    """Tags are pushed and deleted while others are pulled: no pull fails, and bytes return."""
    with WherryRegistry(tmp_path / "r", config=_QUICK) as registry:
        blobs = registry.root / "data" / "blobs"
        keep = os.urandom(300_000)
        failures: list[str] = []
        ended = threading.Event()

        def pull() -> None:
            with RegistryClient(registry.address) as client:
                while not ended.is_set():
                    manifest = client.get(f"/v2/{NAME}/manifests/keep")
                    blob = client.get(f"/v2/{NAME}/blobs/{digest_of(keep)}")
                    if (manifest.status, blob.body) != (200, keep):
                        failures.append(f"{manifest.status} {blob.status}")

        with RegistryClient(registry.address) as client:
            client.push_image(NAME, "keep", [keep])
            kept = size_of(blobs)
            puller = threading.Thread(target=pull)
            puller.start()
            try:
                for number in range(100):
                    client.push_image(NAME, f"t{number}", [os.urandom(20_000)])
                for number in range(100):
                    target = f"/v2/{NAME}/manifests/t{number}"
                    assert client.request("DELETE", target).status == 202
                wait_until(lambda: size_of(blobs) == kept)
            finally:
                ended.set()
                puller.join()
            assert client.get(f"/v2/{NAME}/tags/list").json["tags"] == ["keep"]
        assert not failures


def test_a_push_under_way_is_not_collected(tmp_path: Path) -> None:
    """Blobs wait for their manifest, and HEAD begins their time anew."""
    with WherryRegistry(
        tmp_path / "r", config=_QUICK.replace("grace = 1", "grace = 3")
    ) as registry:
        layer = os.urandom(1000)
        with RegistryClient(registry.address) as client:
            client.push_image(NAME, "other", [b"x"])
            digest = client.push_blob(NAME, layer)
            began = time.monotonic()
            while time.monotonic() - began < 5:
                assert client.head(f"/v2/{NAME}/blobs/{digest}").status == 200
                time.sleep(0.2)
            assert client.push_manifest(NAME, "late", image([layer])).status == 201
            loose = client.push_blob(NAME, os.urandom(1000))
            wait_until(lambda: not (_file(registry, loose)).exists())
            assert client.get(f"/v2/{NAME}/blobs/{digest}").body == layer


def _file(registry: WherryRegistry, digest: str) -> Path:
    digits = digest.partition(":")[2]
    return registry.root / "data" / "blobs" / "sha256" / digits[:2] / digits


def test_uploads_that_nobody_goes_on_with_expire(tmp_path: Path) -> None:
    with WherryRegistry(tmp_path / "r", config=_QUICK) as registry:
        with RegistryClient(registry.address) as client:
            place = client.begin(NAME).location
            client.request("PATCH", place, b"x" * 1000)
            wait_until(lambda: client.get(place).status == 404)
        assert not list((registry.root / "data" / "uploads").iterdir())


def test_a_moved_tag_leaves_the_pinned_manifest(tmp_path: Path) -> None:
    registry = WherryRegistry(tmp_path / "r", config=_QUICK)
    with registry, RegistryClient(registry.address) as client:
        pinned = client.push_image(NAME, "latest", [os.urandom(10)])
        client.push_image(NAME, "latest", [os.urandom(10)])
        dropped = client.push_image(NAME, "dropped", [os.urandom(10)])
        client.request("DELETE", f"/v2/{NAME}/manifests/dropped")
        wait_until(lambda: client.get(f"/v2/{NAME}/manifests/{dropped}").status == 404)
        assert client.get(f"/v2/{NAME}/manifests/{pinned}").status == 200


def test_a_stray_file_is_removed(tmp_path: Path) -> None:
    """What a crash leaves between the rename of a blob and its row."""
    with WherryRegistry(tmp_path / "r", config=_QUICK) as registry:
        path = _file(registry, digest_of(b"stray"))
        path.parent.mkdir(parents=True)
        path.write_bytes(b"stray")
        os.utime(path, (1, 1))
        wait_until(lambda: not path.exists())


@pytest.mark.slow
def test_memory_stays_flat(tmp_path: Path) -> None:
    """A blob larger than what the process may hold comes in and goes out (WHERRY_LONG: 5 GB)."""
    size = (5 << 30) if os.environ.get("WHERRY_LONG") else (400 << 20)
    piece = os.urandom(1 << 20)
    with WherryRegistry(tmp_path / "r") as registry, RegistryClient(registry.address) as client:
        assert registry.process is not None
        status = Path(f"/proc/{registry.process.pid}/status")
        place = client.begin(NAME).location
        headers = {"Transfer-Encoding": "chunked"}
        pieces = (piece for _ in range(size >> 20))
        sent = client.request("PATCH", place, pieces, headers)
        assert sent.headers["range"] == f"0-{size - 1}"
        hashed = hashlib.sha256()
        for _ in range(size >> 20):
            hashed.update(piece)
        digest = f"sha256:{hashed.hexdigest()}"
        assert client.request("PUT", place, digest=digest).status == 201
        connection = http.client.HTTPConnection(registry.address)
        connection.request("GET", f"/v2/{NAME}/blobs/{digest}")
        answer = connection.getresponse()
        received = 0
        while data := answer.read(1 << 20):
            received += len(data)
        connection.close()
        assert received == size
        peak = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        assert int(peak.split()[1]) < 120_000
