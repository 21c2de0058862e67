"""Blobs on their way in: a file that grows, its hash beside it, over any number of requests.

What has arrived is what the file holds, so an upload goes on after the server was killed; the hash
is then worked out again from the file. One request at a time writes: a later one takes the upload
over, since its client has given the earlier one up, maybe over a connection whose end nobody was
told of.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
import uuid
from typing import TYPE_CHECKING

from wherry.registry.server.errors import RegistryError
from wherry.spec import digest as digests
from wherry.storage.database import Database

if TYPE_CHECKING:
    from hashlib import _Hash


class Upload:
    """One blob that is being sent. Not thread-safe: `turn` says whose it is."""

    def __init__(self, name: str, identity: str, path: str, algorithm: str) -> None:
        self.name = name
        self.id = identity
        self.path = path
        self.algorithm = algorithm
        self.size = 0
        self._hash: _Hash | None = hashlib.new(algorithm)
        self._writing = threading.Lock()
        self._turn = object()
        self._sealed = False

    def resume(self) -> None:
        """Find out what is there after a restart; the hash is made when it is needed."""
        self.size = os.stat(self.path).st_size
        self._hash = None

    def take_over(self) -> object:
        """Begin to write; whoever wrote before is refused from now on. Returns the turn.

        Raises RegistryError once the upload is being completed.
        """
        with self._writing:
            if self._sealed:
                raise RegistryError("BLOB_UPLOAD_INVALID", "this upload is being completed")
            self._turn = object()
            return self._turn

    def append(self, turn: object, data: bytes | bytearray) -> None:
        """Write all of it or nothing. Raises OSError, and RegistryError when the turn is over."""
        with self._writing:
            self._check(turn)
            hashed = self._hashed()
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CLOEXEC)
            try:
                _write_all(descriptor, data, self.size)
            except OSError:
                os.ftruncate(descriptor, self.size)
                raise
            finally:
                os.close(descriptor)
            hashed.update(data)
            self.size += len(data)

    def flush(self) -> None:
        """Have the disk work on what has arrived, so that the end has less to wait for."""
        with contextlib.suppress(FileNotFoundError):
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fdatasync(descriptor)
            finally:
                os.close(descriptor)

    def seal(self, turn: object, algorithm: str) -> str:
        """The digest of everything that has arrived; nothing more is taken until `unseal`."""
        with self._writing:
            self._check(turn)
            self._sealed = True
            if algorithm != self.algorithm:
                self.algorithm, self._hash = algorithm, None
            return f"{algorithm}:{self._hashed().hexdigest()}"

    def unseal(self) -> None:
        """The upload could not be completed after all: it may go on."""
        self._sealed = False

    def _check(self, turn: object) -> None:
        if turn is not self._turn:
            raise RegistryError("BLOB_UPLOAD_INVALID", "another request writes to this upload")

    def _hashed(self) -> _Hash:
        if self._hash is None:
            with open(self.path, "rb") as file:
                self._hash = hashlib.file_digest(file, self.algorithm)
        return self._hash


def _write_all(descriptor: int, data: bytes | bytearray, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written


class Uploads:
    """All uploads of a registry: files below a directory, a row each. Thread-safe."""

    def __init__(self, root: str, database: Database) -> None:
        self._root = root
        self._database = database
        self._open: dict[str, Upload] = {}
        self._lock = threading.Lock()
        os.makedirs(root, mode=0o700, exist_ok=True)

    def begin(self, name: str, algorithm: str = "sha256") -> Upload:
        """A new upload. Raises RegistryError: DIGEST_INVALID for an algorithm that nobody knows."""
        if algorithm not in digests.ALGORITHMS:
            raise RegistryError("DIGEST_INVALID", f"unsupported digest algorithm {algorithm!r}")
        identity = str(uuid.uuid4())
        upload = Upload(name, identity, self._path(identity), algorithm)
        os.close(os.open(upload.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        with self._database.run_state() as connection:
            row = (identity, name, algorithm, int(time.time()))
            connection.execute("INSERT INTO uploads VALUES (?, ?, ?, ?)", row)
        with self._lock:
            self._open[identity] = upload
        return upload

    def get(self, name: str, identity: str) -> Upload:
        """An upload of a repository. Raises RegistryError: BLOB_UPLOAD_UNKNOWN."""
        with self._lock:
            upload = self._open.get(identity) or self._resumed(identity)
            if upload is None or upload.name != name:
                raise RegistryError(
                    "BLOB_UPLOAD_UNKNOWN",
                    f"repository {name} has no such upload under way",
                    detail={"upload": identity[:64]},
                )
            self._open[identity] = upload
        return upload

    def _resumed(self, identity: str) -> Upload | None:
        """An upload of before the last restart."""
        query = "SELECT id, name, algorithm FROM uploads WHERE id = ?"
        with self._database.read() as connection:
            row = connection.execute(query, (identity,)).fetchone()
        if row is None:
            return None
        upload = Upload(row["name"], row["id"], self._path(row["id"]), row["algorithm"])
        try:
            upload.resume()
        except FileNotFoundError:
            return None
        return upload

    def note_use(self, upload: Upload) -> None:
        """The upload goes on: its time before it expires begins anew."""
        with self._database.run_state() as connection:
            values = (int(time.time()), upload.id)
            connection.execute("UPDATE uploads SET used = ? WHERE id = ?", values)

    def forget(self, upload: Upload) -> None:
        """The upload has become a blob, and its row is gone with that."""
        with self._lock:
            self._open.pop(upload.id, None)

    def cancel(self, upload: Upload) -> None:
        """Drop what has arrived. Idempotent."""
        upload.take_over()
        self.forget(upload)
        with self._database.run_state() as connection:
            connection.execute("DELETE FROM uploads WHERE id = ?", (upload.id,))
        with contextlib.suppress(FileNotFoundError):
            os.unlink(upload.path)

    def expire(self, age: float) -> int:
        """Cancel uploads that nobody wrote to for so many seconds; returns how many."""
        oldest = int(time.time() - age)
        query = "SELECT id, name FROM uploads WHERE used < ?"
        with self._database.read() as connection:
            rows = [(row["name"], row["id"]) for row in connection.execute(query, (oldest,))]
        for name, identity in rows:
            with contextlib.suppress(RegistryError):
                self.cancel(self.get(name, identity))
        return len(rows) + self._sweep(oldest)

    def _sweep(self, oldest: int) -> int:
        """Remove files whose row is gone, and rows whose file is."""
        with self._database.read() as connection:
            known = {row["id"] for row in connection.execute("SELECT id FROM uploads")}
        present = set(os.listdir(self._root))
        removed = 0
        for name in present - known:
            path = os.path.join(self._root, name)
            with contextlib.suppress(FileNotFoundError):
                if os.stat(path).st_mtime < oldest:
                    os.unlink(path)
                    removed += 1
        with self._database.run_state() as connection:
            connection.executemany(
                "DELETE FROM uploads WHERE id = ? AND used < ?",
                [(identity, oldest) for identity in known - present],
            )
        return removed

    def _path(self, identity: str) -> str:
        return os.path.join(self._root, identity)
