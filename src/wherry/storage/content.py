"""Blobs by digest: `blobs/<algorithm>/<hex>`, each written once and never changed.

Writing has two phases: a `Writer` takes bytes, hashing them on the way, and `commit(digest)` makes
them visible if the digest fits; before that nothing of them can be found. A blob counts as loose
(`storage.gc`) until a record adopts it, so a writer's blob is committed under a lease.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from typing import TYPE_CHECKING, BinaryIO

from wherry.atomicfile import sync_directory
from wherry.errors import Invalid, NotFound
from wherry.spec import digest as digests
from wherry.storage import tree
from wherry.storage.partials import Partials
from wherry.storage.usage import Usage

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable
    from types import TracebackType

    from wherry.storage.database import Database
    from wherry.storage.gc import Collector
    from wherry.storage.leases import Lease

KIND = "blob"
_STEPS = (
    """CREATE TABLE content_blobs (
        digest TEXT PRIMARY KEY,
        size INTEGER NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE content_users (
        kind TEXT,
        owner TEXT,
        digest TEXT,
        PRIMARY KEY (kind, owner, digest)
    ) WITHOUT ROWID;
    CREATE INDEX content_users_by_blob ON content_users (digest);
    CREATE TABLE content_sources (
        digest TEXT,
        repository TEXT,
        PRIMARY KEY (digest, repository)
    ) WITHOUT ROWID""",
)
_INGEST = "ingest"
_PARTIAL = "partial"


class Writer:
    """Bytes on their way to become a blob. Leaving the block without `commit` drops them.

    `size` and `digest` (sha256) tell what was written so far.
    """

    def __init__(self, store: ContentStore, path: str) -> None:
        self._store = store
        self.path = path
        self.size = 0
        self._hash = hashlib.sha256()
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, 0o600)

    def write(self, data: bytes | memoryview) -> int:
        """Append all of it. Raises OSError (ENOSPC, ...)."""
        view = memoryview(data)
        self._hash.update(view)
        self.size += len(view)
        while view:
            view = view[os.write(self._descriptor, view) :]
        return len(data)

    @property
    def digest(self) -> str:
        """The sha256 digest of what was written so far."""
        return f"sha256:{self._hash.hexdigest()}"

    def open(self) -> BinaryIO:
        """What was written so far, from its beginning, by a descriptor of its own."""
        return open(self.path, "rb")

    def commit(self, digest: str, lease: Lease, *, size: int | None = None) -> str:
        """Make it the blob `digest`, durably; returns the digest.

        Raises Invalid when digest or size do not fit what was written. The lease holds the blob
        until a record adopts it. A blob that is there already is kept, these bytes are dropped.
        """
        self._verify(digests.check(digest), size)
        self._store.accept(self.path, digest, self.size, lease)
        return digest

    def _verify(self, digest: str, size: int | None) -> None:
        if size is not None and size != self.size:
            raise Invalid(f"blob {digest} has {self.size} bytes, expected {size}")
        found = self.digest
        if digests.algorithm(digest) != "sha256":
            with open(self.path, "rb") as file:
                name = digests.algorithm(digest)
                found = f"{name}:{hashlib.file_digest(file, name).hexdigest()}"
        if digest != found:
            raise Invalid(f"digest does not fit: expected {digest}, the bytes have {found}")

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)
        if os.path.exists(self.path):
            os.unlink(self.path)


class ContentStore:
    """All blobs below one directory."""

    def __init__(self, root: str, database: Database, collector: Collector) -> None:
        self._root = root
        self._database = database
        self._collector = collector
        database.migrate("content", _STEPS)
        collector.register(KIND, self._discard)
        self.partials = Partials(os.path.join(root, _PARTIAL))
        os.makedirs(os.path.join(root, _INGEST), mode=0o700, exist_ok=True)
        os.makedirs(os.path.join(root, "sha256"), mode=0o700, exist_ok=True)

    def clear_unfinished(self) -> None:
        """Drop what writers of a process that is gone left; once, before the first writer."""
        ingest = os.path.join(self._root, _INGEST)
        for name in os.listdir(ingest):
            tree.remove(os.path.join(ingest, name))

    def path(self, digest: str) -> str:
        """Where the blob is or would be."""
        return os.path.join(self._root, digests.algorithm(digest), digests.encoded(digest))

    def writer(self) -> Writer:
        """A place for new bytes, invisible until its `commit`."""
        return Writer(self, os.path.join(self._root, _INGEST, secrets.token_hex(8)))

    def has(self, digest: str) -> bool:
        """Whether the blob is there (lease it first if that must stay true)."""
        query = "SELECT 1 FROM content_blobs WHERE digest = ?"
        with self._database.read() as connection:
            return connection.execute(query, (digest,)).fetchone() is not None

    def size(self, digest: str) -> int:
        """Its length in bytes. Raises NotFound."""
        query = "SELECT size FROM content_blobs WHERE digest = ?"
        with self._database.read() as connection:
            row = connection.execute(query, (digest,)).fetchone()
        if row is None:
            raise NotFound(f"no such blob: {digest}")
        return int(row["size"])

    def open(self, digest: str) -> BinaryIO:
        """Read it. Raises NotFound."""
        try:
            return open(self.path(digest), "rb")
        except FileNotFoundError:
            raise NotFound(f"no such blob: {digest}") from None

    def use(
        self, transaction: sqlite3.Connection, kind: str, owner: str, digests_: Iterable[str]
    ) -> None:
        """The owner (kind "layer", "image", ...) keeps these blobs; the caller leases them.

        What was kept to fetch them anew goes, unless the owner is a layer: it may be loose itself.
        """
        for digest in digests_:
            row = (kind, owner, digest)
            transaction.execute("INSERT OR IGNORE INTO content_users VALUES (?, ?, ?)", row)
            self._collector.adopt(transaction, KIND, digest)
            if kind != "layer":
                self.partials.forget(digest)

    def release(self, transaction: sqlite3.Connection, kind: str, owner: str) -> None:
        """The owner needs its blobs no more; `Collector.sweep()` deletes those nobody keeps."""
        digests_ = self.used_by(transaction, kind, owner)
        where = "FROM content_users WHERE kind = ? AND owner = ?"
        transaction.execute(f"DELETE {where}", (kind, owner))
        for digest in digests_:
            query = "SELECT 1 FROM content_users WHERE digest = ? LIMIT 1"
            if transaction.execute(query, (digest,)).fetchone() is None:
                self._collector.loosen(transaction, KIND, digest)

    def used_by(self, connection: sqlite3.Connection, kind: str, owner: str) -> list[str]:
        """The blobs an owner keeps."""
        query = "SELECT digest FROM content_users WHERE kind = ? AND owner = ? ORDER BY digest"
        return [row["digest"] for row in connection.execute(query, (kind, owner))]

    def note_sources(self, digests_: Iterable[str], repository: str) -> None:
        """Remember that the repository (full name) has the blobs, to be mounted from at a push."""
        rows = [(digest, repository) for digest in digests_]
        with self._database.run_state() as transaction:
            transaction.executemany("INSERT OR IGNORE INTO content_sources VALUES (?, ?)", rows)

    def sources(self, digest: str) -> list[str]:
        """Repositories that had the blob when it was fetched from or sent to them."""
        query = "SELECT repository FROM content_sources WHERE digest = ? ORDER BY repository"
        with self._database.read() as connection:
            return [row["repository"] for row in connection.execute(query, (digest,))]

    def accept(self, path: str, digest: str, size: int, lease: Lease) -> None:
        """Second phase: the file, in our file system and verified by the caller, becomes the blob.

        The file is renamed, or left alone when the blob is there already.
        """
        lease.add(KIND, digest)
        if self.has(digest):
            return
        _sync(path)
        with self._database.durable() as transaction:
            self._collector.loosen(transaction, KIND, digest)
        target = self.path(digest)
        os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
        os.rename(path, target)
        sync_directory(os.path.dirname(target))
        with self._database.durable() as transaction:
            transaction.execute(
                "INSERT OR REPLACE INTO content_blobs VALUES (?, ?)", (digest, size)
            )

    def spool(self) -> str:
        """A new directory for bytes that may become blobs; `clear_unfinished` knows it."""
        path = os.path.join(self._root, _INGEST, secrets.token_hex(8))
        os.mkdir(path, 0o700)
        return path

    def all(self) -> list[str]:
        """Every blob."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT digest FROM content_blobs").fetchall()
        return [row["digest"] for row in rows]

    def usage(self, digests_: Iterable[str]) -> Usage:
        """Disk use of some blobs."""
        states = [os.stat(self.path(digest)) for digest in digests_]
        return Usage(sum(state.st_blocks * 512 for state in states), len(states))

    def _discard(self, digest: str) -> None:
        """The collector's way to delete a blob."""
        with self._database.durable() as transaction:
            transaction.execute("DELETE FROM content_blobs WHERE digest = ?", (digest,))
            transaction.execute("DELETE FROM content_sources WHERE digest = ?", (digest,))
        if os.path.exists(self.path(digest)):
            os.unlink(self.path(digest))


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
