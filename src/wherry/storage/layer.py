"""Layers: one unpacked diff each, keyed by its diffID (the digest of its uncompressed tar).

    layers/<hex of the diffID>/
        diff/      the files in overlayfs' on-disk form, never changed any more
        shadow/    files that later entries of the same archive replaced (rare)
        recipe     how to make the identical tar again (storage.recipe)
    layers/.*      work in progress, and what is being deleted; a start clears them

A layer is unpacked into a stage that nobody finds, synced, renamed, recorded. It is kept by its
users: images and snapshots. The compressed blobs that a layer came in live and die with it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wherry.atomicfile import sync_directory
from wherry.errors import Internal, NotFound
from wherry.kernel.path import RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, openat2
from wherry.spec import digest as digests
from wherry.storage import recipe, tree
from wherry.storage.usage import Usage

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence
    from typing import Self

    from wherry.storage.content import ContentStore
    from wherry.storage.database import Database
    from wherry.storage.gc import Collector
    from wherry.storage.leases import Lease

KIND = "layer"
_STEPS = (
    """CREATE TABLE layers (
        diff_id TEXT PRIMARY KEY,
        size INTEGER NOT NULL,
        tar_size INTEGER NOT NULL,
        entries INTEGER NOT NULL,
        usage_size INTEGER,
        usage_inodes INTEGER
    ) WITHOUT ROWID;
    CREATE TABLE layer_shadows (
        diff_id TEXT REFERENCES layers ON DELETE CASCADE,
        number INTEGER,
        path BLOB NOT NULL,
        before INTEGER NOT NULL,
        PRIMARY KEY (diff_id, number)
    ) WITHOUT ROWID;
    CREATE TABLE layer_users (
        kind TEXT,
        owner TEXT,
        position INTEGER,
        diff_id TEXT NOT NULL REFERENCES layers,
        PRIMARY KEY (kind, owner, position)
    ) WITHOUT ROWID;
    CREATE INDEX layer_users_by_layer ON layer_users (diff_id);
    CREATE TABLE layer_blobs (
        diff_id TEXT REFERENCES layers,
        digest TEXT,
        media_type TEXT NOT NULL,
        PRIMARY KEY (diff_id, digest)
    ) WITHOUT ROWID;
    CREATE INDEX layer_blobs_by_digest ON layer_blobs (digest)""",
    """INSERT OR IGNORE INTO content_users
        SELECT 'layer', diff_id, digest FROM layer_blobs""",
)
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class UnpackedLayer:
    """What unpacking found: digests and counts. `size` sums the lengths of the regular files."""

    diff_id: str
    tar_size: int
    size: int
    entries: int
    shadows: tuple[tuple[bytes, int], ...]
    blob_digest: str
    blob_size: int


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer's record. Bytes: `size` of its files, `tar_size` of its tar."""

    diff_id: str
    size: int
    tar_size: int
    entries: int


@dataclass(frozen=True, slots=True)
class LayerBlob:
    """A compressed form of a layer that is kept in the content store."""

    digest: str
    media_type: str


class Stage:
    """Where a layer is unpacked before it becomes visible. Leaving the block drops what is left."""

    def __init__(self, path: str) -> None:
        self.path = path
        os.mkdir(path, 0o700)
        for name in ("diff", "shadow"):
            os.mkdir(os.path.join(path, name), 0o755)
            os.chmod(os.path.join(path, name), 0o755)

    @property
    def diff(self) -> str:
        """The directory that becomes the layer's root."""
        return os.path.join(self.path, "diff")

    @property
    def shadow(self) -> str:
        """The directory for replaced files."""
        return os.path.join(self.path, "shadow")

    @property
    def recipe(self) -> str:
        """The recipe file to be written."""
        return os.path.join(self.path, "recipe")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        tree.remove(self.path)


class LayerStore:
    """All layers below one directory."""

    def __init__(
        self, root: str, database: Database, collector: Collector, content: ContentStore
    ) -> None:
        self._root = root
        self._database = database
        self._collector = collector
        self.content = content
        self._claims: dict[str, threading.Lock] = {}
        self._claims_lock = threading.Lock()
        database.migrate("layers", _STEPS)
        collector.register(KIND, self._discard)
        os.makedirs(root, mode=0o700, exist_ok=True)

    def clear_unfinished(self) -> None:
        """Drop stages and half-deleted layers of a process that is gone; once, at start."""
        for name in os.listdir(self._root):
            if name.startswith("."):
                tree.remove(os.path.join(self._root, name))

    def path(self, diff_id: str) -> str:
        """The layer's own directory, there or not."""
        return os.path.join(self._root, digests.encoded(diff_id))

    def diff_path(self, diff_id: str) -> str:
        """The root of its files, to be stacked by overlayfs."""
        return os.path.join(self.path(diff_id), "diff")

    def get(self, diff_id: str) -> Layer:
        """Its record. Raises NotFound."""
        query = "SELECT diff_id, size, tar_size, entries FROM layers WHERE diff_id = ?"
        with self._database.read() as connection:
            row = connection.execute(query, (diff_id,)).fetchone()
        if row is None:
            raise NotFound(f"no such layer: {diff_id}")
        return Layer(*row)

    def has(self, diff_id: str) -> bool:
        """Whether it is there (lease it first if that must stay true)."""
        query = "SELECT 1 FROM layers WHERE diff_id = ?"
        with self._database.read() as connection:
            return connection.execute(query, (diff_id,)).fetchone() is not None

    @contextlib.contextmanager
    def claim(self, diff_id: str) -> Iterator[None]:
        """Only one thread at a time makes a given layer; the others then find it made."""
        with self._claims_lock:
            lock = self._claims.setdefault(diff_id, threading.Lock())
        with lock:
            yield
        with self._claims_lock:
            if not lock.locked():
                self._claims.pop(diff_id, None)

    def stage(self) -> Stage:
        """A place to unpack into."""
        return Stage(os.path.join(self._root, f".stage-{secrets.token_hex(8)}"))

    def commit(self, stage: Stage, unpacked: UnpackedLayer, lease: Lease) -> Layer:
        """Make a stage the layer it turned out to be; the lease holds it until it has a user.

        The stage must have been synced to disk. A layer that is there already is kept.
        """
        lease.add(KIND, unpacked.diff_id)
        if not self.has(unpacked.diff_id):
            with self._database.durable() as transaction:
                self._collector.loosen(transaction, KIND, unpacked.diff_id)
            self._put_in_place(stage, unpacked.diff_id)
            self._record(unpacked)
        return self.get(unpacked.diff_id)

    def _put_in_place(self, stage: Stage, diff_id: str) -> None:
        if not os.listdir(stage.shadow):
            os.rmdir(stage.shadow)
        if os.path.exists(self.path(diff_id)):  # of a crash between rename and record
            tree.remove(self.path(diff_id))
        os.rename(stage.path, self.path(diff_id))
        sync_directory(self._root)

    def _record(self, unpacked: UnpackedLayer) -> None:
        row = (unpacked.diff_id, unpacked.size, unpacked.tar_size, unpacked.entries)
        shadows = [
            (unpacked.diff_id, number, path, before)
            for number, (path, before) in enumerate(unpacked.shadows)
        ]
        with self._database.durable() as transaction:
            transaction.execute(
                "INSERT OR IGNORE INTO layers (diff_id, size, tar_size, entries)"
                " VALUES (?, ?, ?, ?)",
                row,
            )
            transaction.executemany("INSERT OR IGNORE INTO layer_shadows VALUES (?,?,?,?)", shadows)

    def use(
        self, transaction: sqlite3.Connection, kind: str, owner: str, diff_ids: Sequence[str]
    ) -> None:
        """The owner (kind "image" or "snapshot") keeps these layers, bottom first.

        The caller leases them, or another owner is known to have them.
        """
        rows = [(kind, owner, position, diff_id) for position, diff_id in enumerate(diff_ids)]
        transaction.executemany("INSERT INTO layer_users VALUES (?, ?, ?, ?)", rows)
        for diff_id in diff_ids:
            self._collector.adopt(transaction, KIND, diff_id)
            for digest in (diff_id, *self.content.used_by(transaction, KIND, diff_id)):
                self.content.partials.forget(digest)

    def release(self, transaction: sqlite3.Connection, kind: str, owner: str) -> list[str]:
        """The owner needs its layers no more; returns those that are loose now, bottom first.

        Call `Collector.sweep()` after the transaction to delete them.
        """
        diff_ids = self.used_by(transaction, kind, owner)
        where = "FROM layer_users WHERE kind = ? AND owner = ?"
        transaction.execute(f"DELETE {where}", (kind, owner))
        loose = [diff_id for diff_id in diff_ids if not self._is_used(transaction, diff_id)]
        for diff_id in loose:
            self._collector.loosen(transaction, KIND, diff_id)
        return loose

    def used_by(self, connection: sqlite3.Connection, kind: str, owner: str) -> list[str]:
        """The layers an owner keeps, bottom first."""
        query = "SELECT diff_id FROM layer_users WHERE kind = ? AND owner = ? ORDER BY position"
        return [row["diff_id"] for row in connection.execute(query, (kind, owner))]

    def _is_used(self, connection: sqlite3.Connection, diff_id: str) -> bool:
        query = "SELECT 1 FROM layer_users WHERE diff_id = ? LIMIT 1"
        return connection.execute(query, (diff_id,)).fetchone() is not None

    def keep_blob(self, diff_id: str, digest: str, media_type: str) -> None:
        """Keep a compressed form as long as the layer; both are leased by the caller."""
        with self._database.durable() as transaction:
            row = (diff_id, digest, media_type)
            transaction.execute("INSERT OR REPLACE INTO layer_blobs VALUES (?, ?, ?)", row)
            self.content.use(transaction, KIND, diff_id, [digest])

    def blobs(self, diff_id: str) -> list[LayerBlob]:
        """The compressed forms that are kept."""
        query = "SELECT digest, media_type FROM layer_blobs WHERE diff_id = ? ORDER BY digest"
        with self._database.read() as connection:
            return [LayerBlob(*row) for row in connection.execute(query, (diff_id,))]

    def by_blob(self, digest: str) -> str | None:
        """The diffID of the layer that a compressed blob holds, if it is known."""
        query = "SELECT diff_id FROM layer_blobs WHERE digest = ?"
        with self._database.read() as connection:
            row = connection.execute(query, (digest,)).fetchone()
        return str(row["diff_id"]) if row else None

    def tar(self, diff_id: str) -> Iterator[bytes]:
        """The layer's tar, byte for byte, in portions. Raises NotFound at once.

        While it is read, Internal is raised where the bytes turn out not to fit the digest.
        """
        self.get(diff_id)
        return self._checked(diff_id)

    def _checked(self, diff_id: str) -> Iterator[bytes]:
        name = digests.algorithm(diff_id)
        hashed = hashlib.new(name)
        try:
            for portion in self._portions(diff_id):
                hashed.update(portion)
                yield portion
        except (OSError, recipe.DamagedRecipe) as error:
            raise Internal(f"layer {diff_id} is damaged: {error}") from error
        if f"{name}:{hashed.hexdigest()}" != diff_id:
            raise Internal(f"layer {diff_id} is damaged: its files no longer make its digest")

    def _portions(self, diff_id: str) -> Iterator[bytes]:
        shadows = self._shadows(diff_id)
        directory = self.path(diff_id)
        with tree.opened_directory(directory) as root, open(f"{directory}/recipe", "rb") as file:
            for record in recipe.read(file, shadows):
                if isinstance(record, recipe.Reference):
                    yield from _file_portions(root, record)
                else:
                    yield record

    def _shadows(self, diff_id: str) -> list[recipe.Shadow]:
        query = "SELECT path, before, number FROM layer_shadows WHERE diff_id = ? ORDER BY number"
        with self._database.read() as connection:
            return [recipe.Shadow(*row) for row in connection.execute(query, (diff_id,))]

    def usage(self, diff_id: str) -> Usage:
        """Disk use of the layer and of its kept blobs; measured once. Raises NotFound."""
        return self.unpacked_usage(diff_id) + self.content.usage(
            blob.digest for blob in self.blobs(diff_id)
        )

    def unpacked_usage(self, diff_id: str) -> Usage:
        """Disk use of the unpacked layer alone; measured once. Raises NotFound."""
        return self._recorded_usage(diff_id) or self._measure(diff_id)

    def _recorded_usage(self, diff_id: str) -> Usage | None:
        query = "SELECT usage_size, usage_inodes FROM layers WHERE diff_id = ?"
        with self._database.read() as connection:
            row = connection.execute(query, (diff_id,)).fetchone()
        if row is None:
            raise NotFound(f"no such layer: {diff_id}")
        return None if row["usage_size"] is None else Usage(*row)

    def _measure(self, diff_id: str) -> Usage:
        usage = tree.measure(self.path(diff_id))
        with self._database.run_state() as transaction:
            transaction.execute(
                "UPDATE layers SET usage_size = ?, usage_inodes = ? WHERE diff_id = ?",
                (usage.size, usage.inodes, diff_id),
            )
        return usage

    def all(self) -> list[Layer]:
        """Every layer."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT diff_id, size, tar_size, entries FROM layers")
            return [Layer(*row) for row in rows]

    def _discard(self, diff_id: str) -> None:
        """The collector's way to delete a layer: its name goes first, by one rename."""
        doomed = os.path.join(self._root, f".trash-{secrets.token_hex(8)}")
        with contextlib.suppress(FileNotFoundError):
            os.rename(self.path(diff_id), doomed)
        with self._database.durable() as transaction:
            transaction.execute("DELETE FROM layer_blobs WHERE diff_id = ?", (diff_id,))
            self.content.release(transaction, KIND, diff_id)
            transaction.execute("DELETE FROM layers WHERE diff_id = ?", (diff_id,))
        tree.remove(doomed)


def _file_portions(root: int, reference: recipe.Reference) -> Iterator[bytes]:
    """The referenced bytes; OSError when the file is shorter than it was."""
    name = os.fsdecode(reference.path)
    descriptor = openat2(root, name, os.O_RDONLY, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS)
    try:
        offset, end = reference.offset, reference.offset + reference.length
        while offset < end:
            portion = os.pread(descriptor, min(_CHUNK, end - offset), offset)
            if not portion:
                raise OSError(f"{name} is too short")
            offset += len(portion)
            yield portion
    finally:
        os.close(descriptor)
