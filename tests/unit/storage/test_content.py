"""Blobs: two-phase writes, digests, leases, and what a crash leaves."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from wherry.errors import Invalid, NotFound
from wherry.spec import digest
from wherry.storage.stores import Stores, open_stores

DATA = b"some bytes"
DIGEST = digest.of(DATA)


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    opened = open_stores(os.fspath(tmp_path / "data"))
    yield opened
    opened.close()


def write(stores: Stores, name: str, data: bytes = DATA, *, adopt: bool = True) -> None:
    with stores.collector.lease() as lease, stores.content.writer() as writer:
        writer.write(data)
        assert not stores.content.has(name)
        writer.commit(name, lease)
        if adopt:
            with stores.database.durable() as transaction:
                stores.content.use(transaction, "test", name, [name])


def files(stores: Stores, tmp_path: Path) -> list[str]:
    return [
        os.path.relpath(os.path.join(where, name), tmp_path / "data" / "blobs")
        for where, _, names in os.walk(tmp_path / "data" / "blobs")
        for name in names
    ]


def test_a_blob_is_there_after_commit(stores: Stores, tmp_path: Path) -> None:
    write(stores, DIGEST)
    with stores.content.open(DIGEST) as file:
        assert file.read() == DATA
    assert stores.content.size(DIGEST) == len(DATA)
    assert files(stores, tmp_path) == [f"sha256/{digest.encoded(DIGEST)}"]


def test_another_algorithm(stores: Stores) -> None:
    name = f"sha512:{hashlib.sha512(DATA).hexdigest()}"
    write(stores, name)
    assert stores.content.has(name)


def test_a_wrong_digest_or_size_leaves_nothing(stores: Stores, tmp_path: Path) -> None:
    for name, size in ((digest.of(b"other"), None), (DIGEST, 3)):
        with (
            stores.collector.lease() as lease,
            stores.content.writer() as writer,
        ):
            writer.write(DATA)
            with pytest.raises(Invalid):
                writer.commit(name, lease, size=size)
    assert files(stores, tmp_path) == []


def test_what_no_record_adopts_goes_with_the_lease(stores: Stores, tmp_path: Path) -> None:
    write(stores, DIGEST, adopt=False)
    assert not stores.content.has(DIGEST)
    assert files(stores, tmp_path) == []


def test_a_leased_blob_is_not_collected(stores: Stores) -> None:
    write(stores, DIGEST)
    with stores.collector.lease() as lease:
        lease.add("blob", DIGEST)
        with stores.database.durable() as transaction:
            stores.content.release(transaction, "test", DIGEST)
        assert stores.collector.sweep() == 0
        assert stores.content.has(DIGEST)
    assert not stores.content.has(DIGEST)


def test_a_lease_waits_for_a_removal_and_then_finds_nothing(stores: Stores) -> None:
    write(stores, DIGEST)
    removing, go_on = threading.Event(), threading.Event()
    found: list[bool] = []

    def remove(name: str) -> None:
        removing.set()
        go_on.wait(30)
        with stores.database.durable() as transaction:
            transaction.execute("DELETE FROM content_blobs WHERE digest = ?", (name,))

    def use() -> None:
        with stores.collector.lease() as lease:
            lease.add("blob", DIGEST)
            found.append(stores.content.has(DIGEST))

    stores.collector.register("blob", remove)
    with stores.database.durable() as transaction:
        stores.content.release(transaction, "test", DIGEST)
    sweeper = threading.Thread(target=stores.collector.sweep)
    sweeper.start()
    assert removing.wait(30)
    user = threading.Thread(target=use)
    user.start()
    go_on.set()
    sweeper.join()
    user.join()
    assert found == [False]


def test_a_start_clears_what_a_crash_left(tmp_path: Path) -> None:
    root = os.fspath(tmp_path / "data")
    stores = open_stores(root)
    write(stores, DIGEST)
    with stores.database.durable() as transaction:  # died before a record adopted it
        stores.content.release(transaction, "test", DIGEST)
    half = stores.content.writer()
    half.write(b"half")
    os.makedirs(os.path.join(root, "layers", ".stage-dead", "diff", "etc"))
    os.makedirs(os.path.join(root, "snapshots", ".removing-dead"))
    stores.close()

    stores = open_stores(root)
    assert files(stores, tmp_path) == []
    assert os.listdir(os.path.join(root, "layers")) == []
    assert os.listdir(os.path.join(root, "snapshots")) == [".empty"]
    stores.close()


def test_unknown_blobs(stores: Stores) -> None:
    with pytest.raises(NotFound):
        stores.content.open(DIGEST)
    with pytest.raises(NotFound):
        stores.content.size(DIGEST)
