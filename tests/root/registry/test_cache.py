"""A pull-through cache before another registry, and what it does when that one is gone."""

from __future__ import annotations

import http.client
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.registries import WherryRegistry
from tests.registryclient import RegistryClient, digest_of

NAME = "team/app"


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[WherryRegistry]:
    with WherryRegistry(tmp_path / "upstream", ["--access-log", "access.log"]) as registry:
        yield registry


@pytest.fixture
def cache(tmp_path: Path, upstream: WherryRegistry) -> Iterator[WherryRegistry]:
    config = "[upstream]\nfresh = 0"
    options = ["--proxy", f"http://{upstream.address}"]
    with WherryRegistry(tmp_path / "cache", options, config=config) as registry:
        yield registry


def asked(upstream: WherryRegistry, what: str) -> int:
    """How often a request whose line has these words came to the upstream registry."""
    lines = (upstream.root / "access.log").read_text().splitlines()
    return sum(what in line for line in lines)


def test_what_was_pulled_is_served_when_upstream_is_down(
    upstream: WherryRegistry, cache: WherryRegistry
) -> None:
    layer = os.urandom(700_000)
    with RegistryClient(upstream.address) as there, RegistryClient(cache.address) as here:
        digest = there.push_image(NAME, "1", [layer])
        original = there.get(f"/v2/{NAME}/manifests/1").body
        blob = f"/v2/{NAME}/blobs/{digest_of(layer)}"
        for _ in range(2):
            reply = here.get(f"/v2/{NAME}/manifests/1")
            assert (reply.body, reply.headers["docker-content-digest"]) == (original, digest)
            assert here.head(blob).headers["content-length"] == "700000"
            assert here.get(blob).body == layer
        assert here.get(f"/v2/{NAME}/tags/list").json["tags"] == ["1"]
        assert asked(upstream, f"GET {blob}") == 1
        assert asked(upstream, f"GET /v2/{NAME}/manifests/") == 2  # ours above, and the cache's
        upstream.stop()
        assert here.get(f"/v2/{NAME}/manifests/1").body == original
        assert here.get(f"/v2/{NAME}/manifests/{digest}").body == original
        assert here.get(blob, {"Range": "bytes=10-19"}).body == layer[10:20]
        assert here.get(f"/v2/{NAME}/tags/list").json["tags"] == ["1"]
        gone = here.get(f"/v2/{NAME}/manifests/2")
        assert (gone.status, gone.codes) == (503, ["UNAVAILABLE"])


def test_a_moved_tag_is_followed(upstream: WherryRegistry, cache: WherryRegistry) -> None:
    with RegistryClient(upstream.address) as there, RegistryClient(cache.address) as here:
        for _ in range(2):
            digest = there.push_image(NAME, "latest", [os.urandom(100)])
            reply = here.get(f"/v2/{NAME}/manifests/latest")
            assert reply.headers["docker-content-digest"] == digest


def test_many_clients_share_one_fetch(upstream: WherryRegistry, cache: WherryRegistry) -> None:
    layer = os.urandom(20_000_000)
    blob = f"/v2/{NAME}/blobs/{digest_of(layer)}"
    received: list[bool] = []

    def pull() -> None:
        with RegistryClient(cache.address) as client:
            client.get(f"/v2/{NAME}/manifests/1")
            received.append(client.get(blob).body == layer)

    with RegistryClient(upstream.address) as there:
        there.push_image(NAME, "1", [layer])
    threads = [threading.Thread(target=pull) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert received == [True] * 6
    assert asked(upstream, f"GET {blob}") == 1


def test_what_nobody_has(upstream: WherryRegistry, cache: WherryRegistry) -> None:
    with RegistryClient(cache.address) as here:
        assert here.get(f"/v2/{NAME}/manifests/none").codes == ["MANIFEST_UNKNOWN"]
        assert here.get(f"/v2/{NAME}/blobs/{digest_of(b'x')}").status == 404
        assert here.begin(NAME).status == 405


def test_a_blob_that_cannot_be_had_is_an_error(
    upstream: WherryRegistry, cache: WherryRegistry
) -> None:
    layer = os.urandom(1000)
    with RegistryClient(upstream.address) as there, RegistryClient(cache.address) as here:
        there.push_image(NAME, "1", [layer])
        here.get(f"/v2/{NAME}/manifests/1")
        upstream.stop()
        reply = here.get(f"/v2/{NAME}/blobs/{digest_of(layer)}")
        assert (reply.status, reply.codes) == (503, ["UNAVAILABLE"])
        upstream.start()
        assert here.get(f"/v2/{NAME}/blobs/{digest_of(layer)}").body == layer


def test_a_blob_that_upstream_broke_is_refused_and_not_kept(
    upstream: WherryRegistry, cache: WherryRegistry
) -> None:
    layer = os.urandom(100_000)
    digits = digest_of(layer).partition(":")[2]
    with RegistryClient(upstream.address) as there, RegistryClient(cache.address) as here:
        there.push_image(NAME, "1", [layer])
        here.get(f"/v2/{NAME}/manifests/1")
        path = upstream.data / "blobs" / "sha256" / digits[:2] / digits
        path.write_bytes(bytes(100_000))
        with pytest.raises(http.client.IncompleteRead):
            here.get(f"/v2/{NAME}/blobs/{digest_of(layer)}")
    assert not any(path.is_file() for path in (cache.data / "blobs").rglob("*"))
    assert not list((cache.data / "uploads").iterdir())
