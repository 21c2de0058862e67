"""The registry's tables. Times are seconds since the epoch.

A blob's bytes are a file (`blobs.py`); its row says that they are whole. A link makes a blob
visible in a repository, which is what a client may see and what rights are about; blobs of several
repositories are stored once. Manifests are small, so their bytes live here (`documents`), and a
push of one is a single transaction.

What a manifest's times mean for the collection of garbage (`collection.py`):

    untagged    when it lost its last tag, or was pushed without one; NULL while it has one
    dropped     when somebody deleted its last tag, or the manifest that it belonged to (the index
                above it, the subject of a referrer). NULL for what was never meant to go
"""

from __future__ import annotations

import sqlite3
from typing import Final

COMPONENT: Final = "registry"
STEPS: Final = (
    """
    CREATE TABLE repositories (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE
    );
    CREATE TABLE blobs (
        digest TEXT PRIMARY KEY,
        size INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE links (
        repository INTEGER NOT NULL,
        digest TEXT NOT NULL,
        used INTEGER NOT NULL,
        PRIMARY KEY (repository, digest)
    ) WITHOUT ROWID;
    CREATE INDEX links_by_digest ON links (digest);
    CREATE TABLE documents (
        digest TEXT PRIMARY KEY,
        data BLOB NOT NULL
    );
    CREATE TABLE manifests (
        repository INTEGER NOT NULL,
        digest TEXT NOT NULL,
        media_type TEXT NOT NULL,
        size INTEGER NOT NULL,
        subject TEXT NOT NULL,
        artifact_type TEXT NOT NULL,
        annotations TEXT NOT NULL,
        untagged INTEGER,
        dropped INTEGER,
        PRIMARY KEY (repository, digest)
    ) WITHOUT ROWID;
    CREATE INDEX manifests_by_digest ON manifests (digest);
    CREATE INDEX manifests_by_subject ON manifests (repository, subject) WHERE subject != '';
    CREATE INDEX manifests_untagged ON manifests (untagged) WHERE untagged IS NOT NULL;
    CREATE TABLE refs (
        repository INTEGER NOT NULL,
        parent TEXT NOT NULL,
        child TEXT NOT NULL,
        PRIMARY KEY (repository, parent, child)
    ) WITHOUT ROWID;
    CREATE INDEX refs_by_child ON refs (repository, child);
    CREATE TABLE tags (
        repository INTEGER NOT NULL,
        name TEXT NOT NULL,
        digest TEXT NOT NULL,
        PRIMARY KEY (repository, name)
    ) WITHOUT ROWID;
    CREATE INDEX tags_by_digest ON tags (repository, digest);
    CREATE TABLE uploads (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        algorithm TEXT NOT NULL,
        used INTEGER NOT NULL
    ) WITHOUT ROWID
    """,
)


def repository(connection: sqlite3.Connection, name: str) -> int | None:
    """The number of a repository, None if there is none."""
    row = connection.execute("SELECT id FROM repositories WHERE name = ?", (name,)).fetchone()
    return int(row["id"]) if row else None


def make_repository(connection: sqlite3.Connection, name: str) -> int:
    """The number of a repository, which exists from now on."""
    connection.execute("INSERT OR IGNORE INTO repositories (name) VALUES (?)", (name,))
    found = repository(connection, name)
    assert found is not None
    return found
