"""Uploads to a registry that misbehaves, and manifests."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from typing import BinaryIO

import pytest

from tests.faultyregistry import Asked, Fault, FaultyRegistry, answer, cut_uploads
from wherry.errors import Invalid, Unavailable
from wherry.registry.config import Mirror, MirrorRow, RegistryConfig
from wherry.registry.push import CHUNK_AFTER_413, Outcome, Pushed, push_blob
from wherry.registry.session import Session
from wherry.spec import digest as digests
from wherry.spec.image import DOCKER_FOREIGN_LAYER, OCI_INDEX, OCI_MANIFEST, Descriptor, encode

CONFIG = RegistryConfig(first_retry_delay=0.01, max_download_attempts=3)
SIZE = 8 << 20
DATA = random.Random(3).randbytes(SIZE)


class Watched:
    """A watcher that remembers."""

    def __init__(self) -> None:
        self.done = 0
        self.retries: list[str] = []

    def advanced(self, done: int) -> None:
        self.done = done

    def retrying(self, seconds: float, reason: str) -> None:
        self.retries.append(reason)


@pytest.fixture
def registry() -> Iterator[FaultyRegistry]:
    with FaultyRegistry() as served:
        yield served


def _push(
    registry: FaultyRegistry,
    data: bytes = DATA,
    *,
    watcher: Watched | None = None,
    sources: tuple[str, ...] = (),
    media_type: str = "application/octet-stream",
) -> Pushed:
    descriptor = Descriptor(media_type, digests.of(data), len(data))

    def opened() -> BinaryIO:
        return io.BytesIO(data)

    with Session(registry.address, CONFIG) as session:
        return push_blob(session, "a/b", descriptor, opened, watcher or Watched(), sources=sources)


@pytest.mark.parametrize("size", [0, 10, 1 << 20, (1 << 20) + 1, SIZE])
def test_a_blob_is_pushed_once(registry: FaultyRegistry, size: int) -> None:
    data, watcher = DATA[:size], Watched()
    assert _push(registry, data, watcher=watcher).outcome is Outcome.PUSHED
    assert registry.blobs[digests.of(data)] == data
    assert watcher.done == size
    assert _push(registry, data).outcome is Outcome.EXISTED
    assert registry.taken_bytes == size


def test_mounted_where_another_repository_has_it(registry: FaultyRegistry) -> None:
    def absent(asked: object) -> bool:
        from tests.faultyregistry import Asked

        assert isinstance(asked, Asked)
        if asked.command != "HEAD":
            return False
        asked.say(404)
        return True

    registry.add_blob(DATA)
    registry.faults.append(absent)
    assert _push(registry, sources=("a/b", "c/d")) == Pushed(Outcome.MOUNTED, "c/d")
    assert registry.taken_bytes == 0


def test_not_mounted_means_pushed(registry: FaultyRegistry) -> None:
    assert _push(registry, sources=("c/d",)).outcome is Outcome.PUSHED
    assert registry.taken_bytes == SIZE


def test_foreign_layers_stay_here(registry: FaultyRegistry) -> None:
    media_type = DOCKER_FOREIGN_LAYER + ".gzip"
    assert _push(registry, media_type=media_type).outcome is Outcome.FOREIGN
    assert not registry.requests


def test_a_broken_upload_goes_on_where_it_broke(registry: FaultyRegistry) -> None:
    registry.faults.append(cut_uploads(0.6, times=2))
    watcher = Watched()
    _push(registry, watcher=watcher)
    assert registry.blobs[digests.of(DATA)] == DATA
    assert len(watcher.retries) == 2
    assert registry.taken_bytes <= SIZE * 1.05


def test_a_forgotten_upload_begins_anew(registry: FaultyRegistry) -> None:
    cut = cut_uploads(0.6, times=1)

    def forget(asked: object) -> bool:
        from tests.faultyregistry import Asked

        assert isinstance(asked, Asked)
        if asked.command == "GET" and "/uploads/" in asked.path:
            registry.uploads.clear()
        return False

    registry.faults += [cut, forget]
    _push(registry)
    assert registry.blobs[digests.of(DATA)] == DATA


def test_a_limit_of_a_proxy_is_kept_to(registry: FaultyRegistry) -> None:
    data = random.Random(4).randbytes(CHUNK_AFTER_413 + 1000)

    def limit(asked: object) -> bool:
        from tests.faultyregistry import Asked

        assert isinstance(asked, Asked)
        if int(asked.headers.get("Content-Length", "0")) <= CHUNK_AFTER_413:
            return False
        asked.close_connection = True
        asked.say(413)
        return True

    registry.faults.append(limit)
    _push(registry, data)
    assert registry.blobs[digests.of(data)] == data


@pytest.mark.parametrize("status", [429, 500, 503])
def test_temporary_refusals_are_waited_out(registry: FaultyRegistry, status: int) -> None:
    registry.faults.append(answer(status, times=1, part="/uploads/"))
    assert _push(registry).outcome is Outcome.PUSHED


def test_steady_failure_tells_the_reason(registry: FaultyRegistry) -> None:
    registry.faults.append(cut_uploads(0.0))
    with pytest.raises(Unavailable, match="broke"):
        _push(registry)


def test_wrong_bytes_are_the_registry_s_to_refuse(registry: FaultyRegistry) -> None:
    descriptor = Descriptor("x/y", digests.of(b"other"), 10)
    with (
        Session(registry.address, CONFIG) as session,
        pytest.raises(Invalid, match="digest invalid"),
    ):
        push_blob(session, "a/b", descriptor, lambda: io.BytesIO(b"0123456789"), Watched())


def test_a_subject_is_entered_into_its_referrers_tag(registry: FaultyRegistry) -> None:
    config = Descriptor("application/vnd.oci.empty.v1+json", digests.of(b"{}"), 2).to_json()
    image = encode({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": []})
    subject = Descriptor(OCI_MANIFEST, digests.of(image), len(image))
    about = [
        encode(
            {
                "schemaVersion": 2,
                "mediaType": OCI_MANIFEST,
                "artifactType": f"test/{number}",
                "config": config,
                "layers": [],
                "subject": subject.to_json(),
                "annotations": {"number": str(number)},
            }
        )
        for number in range(2)
    ]
    with Session(registry.address, CONFIG) as session:
        session.put_manifest("a/b", "1", OCI_MANIFEST, image)
        assert session.referrers("a/b", subject.digest) == ()
        for document in about:
            session.put_manifest("a/b", digests.of(document), OCI_MANIFEST, document)
        found = session.referrers("a/b", subject.digest)
        assert [each.digest for each in found] == [digests.of(each) for each in about]
        assert found[1].annotations == {"number": "1"}
        (second,) = session.referrers("a/b", subject.digest, "test/1")
        assert second.digest == digests.of(about[1])


def test_tags_are_paged(registry: FaultyRegistry) -> None:
    registry.tags["a/b"] = [f"v{number}" for number in range(8)]
    with Session(registry.address, CONFIG) as session:
        assert list(session.tags("a/b")) == registry.tags["a/b"]
    assert len(registry.asked("GET", "/tags/")) == 3


def test_a_mirror_that_knows_no_referrers_does_not_end_the_search(
    registry: FaultyRegistry,
) -> None:
    """A mirror says that there are none, of a list and of a tag: what counts is the registry."""
    config = Descriptor("application/vnd.oci.empty.v1+json", digests.of(b"{}"), 2).to_json()
    subject = Descriptor(OCI_MANIFEST, digests.of(b"subject"), 7)
    parts = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": []}
    about = encode({**parts, "artifactType": "test/1", "subject": subject.to_json()})
    with Session(registry.address, CONFIG) as session:
        session.put_manifest("a/b", digests.of(about), OCI_MANIFEST, about)
    nothing = encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []})
    with FaultyRegistry() as mirror:
        mirror.faults.append(_no_referrers(nothing))
        mirror.add_manifest("a/b", subject.digest.replace(":", "-"), nothing, OCI_INDEX)
        rows = (MirrorRow("*", (Mirror("http", mirror.address),)),)
        settings = RegistryConfig(mirrors=rows, first_retry_delay=0.01)
        with Session(registry.address, settings) as session:
            (found,) = session.referrers("a/b", subject.digest)
            assert session.manifest("a/b", found).document == about
    assert found.digest == digests.of(about)


def _no_referrers(nothing: bytes) -> Fault:
    def fault(asked: Asked) -> bool:
        if "/referrers/" not in asked.path:
            return False
        asked.say(200, nothing)
        return True

    return fault
