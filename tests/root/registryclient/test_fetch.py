"""Downloads from a registry that misbehaves: survived, or refused with the true reason."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faultyregistry import (
    FaultyRegistry,
    answer,
    cut,
    deliver,
    drop_at_random,
    redirect_blobs,
    slowly,
    without_range,
)
from wherry.errors import Invalid, NotFound, Unavailable
from wherry.registry.cancellation import Cancellation, Cancelled
from wherry.registry.config import Mirror, MirrorRow, RegistryConfig
from wherry.registry.credentials import Credentials
from wherry.registry.fetch import Downloads
from wherry.registry.session import Session
from wherry.spec.image import Descriptor
from wherry.storage.content import ContentStore
from wherry.storage.leases import Lease
from wherry.storage.stores import open_stores

CONFIG = RegistryConfig(first_retry_delay=0.01)
SIZE = 8 << 20
ALLOWED = 1.05  # bytes sent of bytes needed


class Watched:
    """A watcher that remembers."""

    def __init__(self) -> None:
        self.done = 0
        self.retries: list[tuple[float, str]] = []
        self.moved = threading.Event()

    def advanced(self, done: int) -> None:
        self.done = done
        if done:
            self.moved.set()

    def retrying(self, seconds: float, reason: str) -> None:
        self.retries.append((seconds, reason))


@pytest.fixture
def registry() -> Iterator[FaultyRegistry]:
    with FaultyRegistry() as served:
        yield served


@dataclass(frozen=True)
class Held:
    """A content store, and a lease that keeps what a test fetches until its end."""

    content: ContentStore
    lease: Lease


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Held]:
    opened = open_stores(str(tmp_path / "data"))
    with opened.collector.lease() as lease:
        yield Held(opened.content, lease)
    opened.close()


@pytest.fixture
def data() -> bytes:
    return random.Random(7).randbytes(SIZE)


def _fetch(
    stores: Held,
    registry: FaultyRegistry,
    descriptor: Descriptor,
    *,
    config: RegistryConfig = CONFIG,
    watcher: Watched | None = None,
    downloads: Downloads | None = None,
    cancellation: Cancellation | None = None,
    credentials: Credentials | None = None,
) -> bool:
    downloads = downloads or Downloads(stores.content)
    with Session(registry.address, config, credentials or Credentials()) as session:
        return downloads.fetch(
            session, "a/b", descriptor, stores.lease, watcher or Watched(), cancellation
        )


def _stored(stores: Held, descriptor: Descriptor) -> bytes:
    with stores.content.open(descriptor.digest) as file:
        return file.read()


def test_a_blob_is_fetched_once(stores: Held, registry: FaultyRegistry, data: bytes) -> None:
    descriptor = registry.add_blob(data)
    watcher = Watched()
    with Session(registry.address, CONFIG) as session:
        downloads = Downloads(stores.content)
        assert downloads.fetch(session, "a/b", descriptor, stores.lease, watcher)
        assert watcher.done == SIZE
        assert _stored(stores, descriptor) == data
        assert not downloads.fetch(session, "a/b", descriptor, stores.lease, watcher)
    assert registry.blob_bytes == SIZE


def test_cut_at_60_percent(stores: Held, registry: FaultyRegistry, data: bytes) -> None:
    descriptor = registry.add_blob(data)
    registry.faults.append(cut(0.6, times=1))
    watcher = Watched()
    _fetch(stores, registry, descriptor, watcher=watcher)
    assert len(watcher.retries) == 1
    assert "broke" in watcher.retries[0][1]
    assert registry.blob_bytes <= SIZE * ALLOWED


def test_dropped_again_and_again(stores: Held, registry: FaultyRegistry, data: bytes) -> None:
    """Many more breaks than attempts: each brings something, so none is the last."""
    descriptor = registry.add_blob(data)
    registry.faults.append(drop_at_random(1, 800_000))
    _fetch(stores, registry, descriptor)
    assert _stored(stores, descriptor) == data
    assert registry.blob_bytes <= SIZE * ALLOWED


def test_no_progress_is_given_up(stores: Held, registry: FaultyRegistry, data: bytes) -> None:
    descriptor = registry.add_blob(data)
    registry.faults.append(cut(0.25))
    with pytest.raises(Unavailable, match="broke"):
        _fetch(stores, registry, descriptor)
    assert registry.blob_bytes <= SIZE * 0.3
    # The first brought something, so it does not count; then as many as are allowed in a row.
    assert len(registry.asked("GET", "/blobs/")) == CONFIG.max_download_attempts


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_temporary_refusals_are_waited_out(
    stores: Held, registry: FaultyRegistry, data: bytes, status: int
) -> None:
    descriptor = registry.add_blob(data)
    registry.faults.append(answer(status, times=2, part="/blobs/"))
    watcher = Watched()
    _fetch(stores, registry, descriptor, watcher=watcher)
    assert len(watcher.retries) == 2


def test_retry_after_is_kept_to(stores: Held, registry: FaultyRegistry, data: bytes) -> None:
    descriptor = registry.add_blob(data)
    registry.faults.append(answer(429, times=1, part="/blobs/", Retry_After="1"))
    watcher = Watched()
    _fetch(stores, registry, descriptor, watcher=watcher)
    ((seconds, reason),) = watcher.retries
    assert 1.0 <= seconds < 1.1
    assert "toomanyrequests" in reason


def test_an_hour_is_not_waited_for(stores: Held, registry: FaultyRegistry, data: bytes) -> None:
    descriptor = registry.add_blob(data)
    registry.faults.append(answer(429, part="/blobs/", Retry_After="3600"))
    with pytest.raises(Unavailable, match="asks to wait 3600 s"):
        _fetch(stores, registry, descriptor)


def test_steady_failure_tells_the_reason(
    stores: Held, registry: FaultyRegistry, data: bytes
) -> None:
    descriptor = registry.add_blob(data)
    registry.faults.append(answer(503, part="/blobs/"))
    with pytest.raises(Unavailable, match="unknown"):
        _fetch(stores, registry, descriptor)
    assert len(registry.asked("GET")) == CONFIG.max_download_attempts


def test_what_is_not_there(stores: Held, registry: FaultyRegistry) -> None:
    absent = Descriptor("application/octet-stream", "sha256:" + "0" * 64, 5)
    with pytest.raises(NotFound, match="blob unknown"):
        _fetch(stores, registry, absent)
    assert len(registry.asked("GET")) == 1


def test_wrong_bytes_are_refused(stores: Held, registry: FaultyRegistry, data: bytes) -> None:
    descriptor = registry.add_blob(data)
    registry.faults.append(deliver(data[:-1] + b"!"))
    with pytest.raises(Invalid, match="digest does not fit"):
        _fetch(stores, registry, descriptor)
    assert not stores.content.has(descriptor.digest)
    assert registry.blob_bytes == SIZE


@pytest.mark.parametrize("told", [SIZE + 5, SIZE - 5])
def test_a_wrong_length_is_refused_at_once(
    stores: Held, registry: FaultyRegistry, data: bytes, told: int
) -> None:
    descriptor = registry.add_blob(data)
    registry.faults.append(deliver(data[:told], told=told))
    with pytest.raises(Invalid, match=f"sends {told} bytes, expected {SIZE}"):
        _fetch(stores, registry, descriptor)


def test_without_range_the_beginning_is_skipped(
    stores: Held, registry: FaultyRegistry, data: bytes
) -> None:
    descriptor = registry.add_blob(data)
    registry.faults += [without_range(), cut(0.5, times=1)]
    _fetch(stores, registry, descriptor)
    assert _stored(stores, descriptor) == data


def test_redirected_to_another_host_without_authorization(
    stores: Held, registry: FaultyRegistry, data: bytes
) -> None:
    descriptor = registry.add_blob(data)

    def demand(asked: object) -> bool:
        from tests.faultyregistry import Asked

        assert isinstance(asked, Asked)
        if asked.headers.get("Authorization"):
            return False
        asked.refuse(401, "UNAUTHORIZED", WWW_Authenticate='Basic realm="r"')
        return True

    with FaultyRegistry() as storage:
        storage.add_blob(data)
        registry.faults += [demand, redirect_blobs(f"http://{storage.named}")]
        _fetch(stores, registry, descriptor, credentials=Credentials("me", "hush"))
        assert _stored(stores, descriptor) == data
        assert registry.asked("GET")[-1][1]["Authorization"].startswith("Basic ")
        assert storage.requests and all("Authorization" not in f for _, _, f in storage.requests)


def test_redirects_in_a_circle_end(stores: Held, registry: FaultyRegistry, data: bytes) -> None:
    descriptor = registry.add_blob(data)
    registry.faults.append(redirect_blobs(f"http://{registry.address}"))
    with pytest.raises(Invalid, match="redirects without an end"):
        _fetch(stores, registry, descriptor)


def test_cancel_keeps_what_came(stores: Held, registry: FaultyRegistry, data: bytes) -> None:
    descriptor = registry.add_blob(data)
    slow = slowly(0.002)
    registry.faults.append(slow)
    watcher, wish = Watched(), Cancellation()
    watcher.advanced = lambda done: wish.cancel() if done > SIZE // 3 else None  # type: ignore[method-assign]
    downloads = Downloads(stores.content)
    with pytest.raises(Cancelled):
        _fetch(
            stores, registry, descriptor, watcher=watcher, cancellation=wish, downloads=downloads
        )
    registry.faults.remove(slow)
    _fetch(stores, registry, descriptor, downloads=downloads)
    assert _stored(stores, descriptor) == data
    assert registry.blob_bytes <= SIZE * ALLOWED


def test_cancel_wakes_a_read_that_blocks(
    stores: Held, registry: FaultyRegistry, data: bytes
) -> None:
    descriptor = registry.add_blob(data)
    stalled = threading.Event()

    def stall(asked: object) -> bool:
        stalled.wait(60)
        return False

    registry.faults.append(stall)
    wish = Cancellation()
    threading.Timer(0.2, wish.cancel).start()
    with pytest.raises(Cancelled):
        _fetch(stores, registry, descriptor, cancellation=wish)
    stalled.set()


def test_two_share_one_download(stores: Held, registry: FaultyRegistry, data: bytes) -> None:
    descriptor = registry.add_blob(data)
    registry.faults.append(slowly(0.001))
    downloads = Downloads(stores.content)
    with ThreadPoolExecutor(4) as pool:
        jobs = [
            pool.submit(_fetch, stores, registry, descriptor, downloads=downloads) for _ in range(4)
        ]
    assert any(job.result() for job in jobs)
    assert registry.blob_bytes == SIZE


def test_who_cancels_leaves_the_download_to_the_other(
    stores: Held, registry: FaultyRegistry, data: bytes
) -> None:
    descriptor = registry.add_blob(data)
    registry.faults.append(slowly(0.002))
    downloads = Downloads(stores.content)
    first, second, wish = Watched(), Watched(), Cancellation()
    outcome: list[BaseException] = []

    def leader() -> None:
        try:
            _fetch(
                stores,
                registry,
                descriptor,
                downloads=downloads,
                watcher=first,
                cancellation=wish,
            )
        except Cancelled as error:
            outcome.append(error)

    leading = threading.Thread(target=leader)
    leading.start()
    assert first.moved.wait(30)
    following = threading.Thread(
        target=lambda: _fetch(stores, registry, descriptor, downloads=downloads, watcher=second)
    )
    following.start()
    assert second.moved.wait(30)
    wish.cancel()
    leading.join()
    following.join()
    assert outcome
    assert _stored(stores, descriptor) == data
    assert registry.blob_bytes == SIZE


def test_no_more_at_once_than_allowed(stores: Held, registry: FaultyRegistry, data: bytes) -> None:
    descriptors = [registry.add_blob(data[at : at + (1 << 20)]) for at in range(0, SIZE, 1 << 20)]
    present, most, lock, both = 0, 0, threading.Lock(), threading.Event()

    def count(asked: object) -> bool:
        from tests.faultyregistry import Asked

        nonlocal present, most
        assert isinstance(asked, Asked)
        blob = asked.wanted_blob()
        if blob is None:
            return False
        with lock:
            present += 1
            most = max(most, present)
            if most == 2:
                both.set()
        both.wait(60)  # the first does not go before there is a second
        time.sleep(0.02)
        with lock:
            present -= 1
        asked.send_blob(blob)
        return True

    registry.faults.append(count)
    downloads = Downloads(stores.content, 2)
    threads = [
        threading.Thread(
            target=_fetch, args=(stores, registry, each), kwargs={"downloads": downloads}
        )
        for each in descriptors
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 2
    assert all(stores.content.has(each.digest) for each in descriptors)


@pytest.mark.parametrize("fault", ["dead", "wrong", "broken", "refusing", "empty"])
def test_mirrors_are_tried_and_passed_over(
    stores: Held, registry: FaultyRegistry, data: bytes, fault: str
) -> None:
    descriptor = registry.add_blob(data)
    with FaultyRegistry() as mirror:
        if fault != "empty":
            mirror.add_blob(data)
        faults = {
            "wrong": deliver(data[:-1] + b"?"),
            "broken": cut(0.3, times=1),
            "refusing": answer(503),
        }
        mirror.faults += [faults[fault]] if fault in faults else []
        host = "127.0.0.1:1" if fault == "dead" else mirror.address
        rows = (MirrorRow("*", (Mirror("http", host),)),)
        config = RegistryConfig(mirrors=rows, first_retry_delay=0.01)
        _fetch(stores, registry, descriptor, config=config)
        assert _stored(stores, descriptor) == data
        if fault == "broken":
            assert mirror.blob_bytes == SIZE and not registry.requests
        else:
            assert registry.blob_bytes == SIZE


def test_kill_9_loses_nothing(tmp_path: Path, registry: FaultyRegistry, data: bytes) -> None:
    """But for what was sent and not yet read: so it is sent slowly, and is a small part of all."""
    size = 4 * SIZE
    descriptor = registry.add_blob(4 * data)
    slow = slowly(0.02)
    registry.faults.append(slow)
    program = tmp_path / "fetch.py"
    program.write_text(_PROGRAM)
    words = [sys.executable, str(program), str(tmp_path / "data"), registry.address]
    words += [descriptor.digest, str(size)]
    for _ in range(2):
        before = registry.blob_bytes
        running = subprocess.Popen(words, env=os.environ)
        while registry.blob_bytes < before + size // 10 and running.poll() is None:
            time.sleep(0.01)
        running.send_signal(signal.SIGKILL)
        running.wait()
    registry.faults.remove(slow)
    assert subprocess.run(words, check=True, env=os.environ).returncode == 0
    assert registry.blob_bytes <= size * ALLOWED
    subprocess.run(words, check=True, env=os.environ)  # nobody kept the blob, yet it is not lost
    assert registry.blob_bytes <= size * ALLOWED


_PROGRAM = """
import sys
from wherry.registry.config import RegistryConfig
from wherry.registry.fetch import Downloads
from wherry.registry.session import Session
from wherry.spec.image import Descriptor
from wherry.storage.content import ContentStore
from wherry.storage.leases import Lease
from wherry.storage.stores import open_stores

class Quiet:
    def advanced(self, done): pass
    def retrying(self, seconds, reason): pass

root, address, digest, size = sys.argv[1:]
stores = open_stores(root)
with stores.collector.lease() as lease, Session(address, RegistryConfig()) as session:
    descriptor = Descriptor("application/octet-stream", digest, int(size))
    Downloads(stores.content).fetch(session, "a/b", descriptor, lease, Quiet())
"""


def test_old_partials_go(stores: Held, registry: FaultyRegistry, data: bytes) -> None:
    partials = stores.content.partials
    for name, age in (("sha256:" + "1" * 64, 8), ("sha256:" + "2" * 64, 6)):
        with partials.open(name) as partial:
            partial.write(memoryview(b"x"))
        moment = time.time() - age * 24 * 3600
        os.utime(partials.path(name), (moment, moment))
    _fetch(stores, registry, registry.add_blob(data))
    assert [os.path.exists(partials.path("sha256:" + n * 64)) for n in "12"] == [False, True]
