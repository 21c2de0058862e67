"""The collection of garbage, while the registry serves.

What goes, each after a while in which nobody has touched it (`config.Collection`):

    manifests   that have no tag, that no kept index lists, whose subject is not kept, and that
                somebody let go of: by deleting their last tag or what they belonged to, or (if
                asked for) by leaving them without a tag for long
    links       blobs of a repository that no manifest of it needs
    blobs       bytes that no repository has a link to
    uploads     that nobody goes on with

A manifest that lost its tag to another push stays unless asked for: people pin digests. A blob
that was just pushed, mounted or asked for by HEAD is waited for, since its manifest follows; each
of these notes the use (`links.used`).

Every removal of rows is a transaction that looks again, so a push that comes at the same moment
either is seen by it, or finds the blob gone and sends it. Files go under the digest's lock
(`blobs.py`). Readers hold an open file and are not disturbed.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass

from wherry.registry.server.config import Collection
from wherry.registry.server.library import Library
from wherry.registry.server.writing import remove_manifest

_BATCH = 500
_DROPPED = """
SELECT DISTINCT repository FROM manifests
WHERE untagged IS NOT NULL AND (dropped < :dropped OR untagged < :untagged)
"""
_CANDIDATES = """
SELECT digest, dropped FROM manifests WHERE repository = :repository
AND untagged IS NOT NULL AND (dropped < :dropped OR untagged < :untagged)
"""
_LOOSE_LINKS = """
SELECT repository, digest FROM links AS each WHERE used < ? AND NOT EXISTS
(SELECT 1 FROM refs WHERE refs.repository = each.repository AND refs.child = each.digest)
LIMIT ?
"""
_FORGET_BLOB = """
DELETE FROM blobs WHERE digest = ?1 AND NOT EXISTS (SELECT 1 FROM links WHERE digest = ?1)
"""
_EMPTY_REPOSITORIES = """
DELETE FROM repositories WHERE NOT EXISTS
(SELECT 1 FROM links WHERE repository = repositories.id)
AND NOT EXISTS (SELECT 1 FROM manifests WHERE repository = repositories.id)
AND NOT EXISTS (SELECT 1 FROM uploads WHERE uploads.name = repositories.name)
"""


@dataclass(slots=True)
class Collected:
    """What one run removed."""

    manifests: int = 0
    links: int = 0
    blobs: int = 0
    bytes: int = 0
    uploads: int = 0

    def __bool__(self) -> bool:
        return any((self.manifests, self.links, self.blobs, self.uploads))


@dataclass(slots=True)
class Collector:
    """Collects the garbage of one library; `run` is for a worker thread, one at a time."""

    library: Library
    settings: Collection

    def run(self) -> Collected:
        """Remove what has been let go of for long enough."""
        done = Collected()
        done.uploads = self.library.uploads.expire(self.settings.uploads)
        self._remove_manifests(done)
        self._remove_links(done)
        self._remove_blobs(done)
        with self.library.database.durable() as connection:
            connection.execute(_EMPTY_REPOSITORIES)
        return done

    def _remove_manifests(self, done: Collected) -> None:
        """Go on until nothing is left that a removal has set free."""
        limits = self._limits()
        while True:
            removed = 0
            for repository in self._repositories(limits):
                with self.library.database.durable() as connection:
                    removed += _collect(connection, repository, limits)
            if not removed:
                return
            done.manifests += removed

    def _limits(self) -> dict[str, int]:
        now = int(time.time())
        untagged = self.settings.untagged
        return {
            "dropped": now - int(self.settings.grace),
            "untagged": now - int(untagged) if untagged else -1,
        }

    def _repositories(self, limits: dict[str, int]) -> list[int]:
        with self.library.database.read() as connection:
            return [row["repository"] for row in connection.execute(_DROPPED, limits)]

    def _remove_links(self, done: Collected) -> None:
        oldest = int(time.time() - self.settings.grace)
        while True:
            with self.library.database.durable() as connection:
                rows = connection.execute(_LOOSE_LINKS, (oldest, _BATCH)).fetchall()
                connection.executemany(
                    "DELETE FROM links WHERE repository = ? AND digest = ?",
                    [(row["repository"], row["digest"]) for row in rows],
                )
            done.links += len(rows)
            if len(rows) < _BATCH:
                return

    def _remove_blobs(self, done: Collected) -> None:
        """Bytes without a link, and files that a crash has left without a row."""
        query = "SELECT digest FROM blobs WHERE digest NOT IN (SELECT digest FROM links)"
        with self.library.database.read() as connection:
            loose = [row["digest"] for row in connection.execute(query)]
        self._discard(loose, done)
        self._discard(self.library.files.strays(self._is_known, self.settings.grace), done)

    def _discard(self, digests: Iterable[str], done: Collected) -> None:
        for digest in digests:
            size = self.library.files.discard(digest, self._forget)
            if size is not None:
                done.blobs += 1
                done.bytes += size

    def _forget(self, digest: str) -> bool:
        """Remove a blob's row; False when a repository has it by now."""
        with self.library.database.durable() as connection:
            connection.execute(_FORGET_BLOB, (digest,))
            return not _has_blob(connection, digest)

    def _is_known(self, digest: str) -> bool:
        with self.library.database.read() as connection:
            return _has_blob(connection, digest)


def _collect(connection: sqlite3.Connection, repository: int, limits: dict[str, int]) -> int:
    """Remove the manifests of one repository that nothing holds; returns how many."""
    values = {**limits, "repository": repository}
    rows = connection.execute(_CANDIDATES, values).fetchall()
    candidates = {row["digest"]: row["dropped"] for row in rows}
    kept = _reachable(connection, repository, set(candidates))
    removed = 0
    for digest, dropped in candidates.items():
        if digest not in kept:
            moment = limits["dropped"] - 1 if dropped is None else dropped
            removed += remove_manifest(connection, repository, digest, moment)
    return removed


def _reachable(connection: sqlite3.Connection, repository: int, candidates: set[str]) -> set[str]:
    """What the manifests that are no candidates hold: their children, and their referrers."""
    query = "SELECT digest, subject FROM manifests WHERE repository = ?"
    subjects = {row["digest"]: row["subject"] for row in connection.execute(query, (repository,))}
    referrers: dict[str, list[str]] = {}
    for digest, subject in subjects.items():
        if subject:
            referrers.setdefault(subject, []).append(digest)
    kept: set[str] = set()
    waiting = [digest for digest in subjects if digest not in candidates]
    children = "SELECT child FROM refs WHERE repository = ? AND parent = ?"
    while waiting:
        digest = waiting.pop()
        if digest in kept:
            continue
        kept.add(digest)
        below = [row["child"] for row in connection.execute(children, (repository, digest))]
        waiting += [each for each in below if each in subjects and each not in kept]
        waiting += [each for each in referrers.get(digest, ()) if each not in kept]
    return kept


def _has_blob(connection: sqlite3.Connection, digest: str) -> bool:
    query = "SELECT 1 FROM blobs WHERE digest = ?"
    return connection.execute(query, (digest,)).fetchone() is not None
