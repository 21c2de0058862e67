"""Questions to the registry's tables. Each takes some ten microseconds and never waits for a
writer, so they may be asked in the event loop."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from wherry.registry.server import schema
from wherry.registry.server.content import StoredManifest
from wherry.registry.server.errors import RegistryError
from wherry.registry.server.paging import Page
from wherry.storage.database import Database

_MANIFEST = """
SELECT digest, media_type, data FROM manifests JOIN documents USING (digest)
WHERE repository = ? AND digest = ?
"""
_REFERRERS = """
SELECT digest, media_type, size, artifact_type, annotations FROM manifests
WHERE repository = ? AND subject = ? ORDER BY digest
"""
_LINKED = """
SELECT size FROM links JOIN blobs USING (digest) WHERE repository = ? AND digest = ?
"""
_USED_BY = """
SELECT coalesce(sum(size), 0) FROM links JOIN blobs USING (digest) WHERE repository = ?
"""


class Reading:
    """Queries over one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def manifest(self, name: str, reference: str) -> StoredManifest:
        """By tag or digest. Raises RegistryError: NAME_UNKNOWN, MANIFEST_UNKNOWN."""
        with self._database.read() as connection:
            repository = _known(connection, name)
            digest = reference if ":" in reference else _tagged(connection, repository, reference)
            row = connection.execute(_MANIFEST, (repository, digest)).fetchone()
        if row is None:
            raise manifest_unknown(name, reference)
        return StoredManifest(row["digest"], row["media_type"], row["data"])

    def blob_size(self, name: str, digest: str) -> int:
        """The length of a repository's blob. Raises RegistryError: NAME_UNKNOWN, BLOB_UNKNOWN."""
        with self._database.read() as connection:
            row = connection.execute(_LINKED, (_known(connection, name), digest)).fetchone()
        if row is None:
            raise blob_unknown(name, digest)
        return int(row["size"])

    def has_link(self, name: str, digest: str) -> bool:
        """Whether the repository has the blob."""
        with self._database.read() as connection:
            repository = schema.repository(connection, name)
            return connection.execute(_LINKED, (repository, digest)).fetchone() is not None

    def last_use(self, name: str, digest: str) -> int:
        """When the repository's blob was last asked for, as far as it was noted; 0 if never."""
        query = "SELECT used FROM links WHERE repository = ? AND digest = ?"
        with self._database.read() as connection:
            repository = schema.repository(connection, name)
            row = connection.execute(query, (repository, digest)).fetchone()
        return int(row["used"]) if row else 0

    def naming(self, name: str, digest: str) -> list[bytes]:
        """Manifests of a repository that name a blob or manifest, as documents."""
        query = """SELECT data FROM refs JOIN documents ON documents.digest = refs.parent
                   WHERE repository = ? AND child = ? LIMIT 8"""
        with self._database.read() as connection:
            repository = schema.repository(connection, name)
            return [row["data"] for row in connection.execute(query, (repository, digest))]

    def holders(self, digest: str) -> list[str]:
        """Names of the repositories that have a blob."""
        query = """SELECT name FROM repositories JOIN links ON links.repository = repositories.id
                   WHERE digest = ? ORDER BY name"""
        with self._database.read() as connection:
            return [row["name"] for row in connection.execute(query, (digest,))]

    def tags(self, name: str, page: Page) -> list[str]:
        """Tags behind `page.last`, one more than wanted. Raises RegistryError: NAME_UNKNOWN."""
        query = "SELECT name FROM tags WHERE repository = ? AND name > ? ORDER BY name LIMIT ?"
        with self._database.read() as connection:
            values = (_known(connection, name), page.last, page.count + 1)
            return [row["name"] for row in connection.execute(query, values)]

    def referrers(self, name: str, digest: str) -> Sequence[dict[str, Any]]:
        """Descriptors for the referrers list; empty where nothing is known."""
        with self._database.read() as connection:
            repository = schema.repository(connection, name)
            rows = connection.execute(_REFERRERS, (repository, digest)).fetchall()
        return [_descriptor(row) for row in rows]

    def repositories(self, page: Page) -> list[str]:
        """Names behind `page.last`, one more than wanted."""
        query = "SELECT name FROM repositories WHERE name > ? ORDER BY name LIMIT ?"
        with self._database.read() as connection:
            return [row["name"] for row in connection.execute(query, (page.last, page.count + 1))]

    def used_by(self, name: str) -> int:
        """Bytes of the blobs that a repository has, each counted once."""
        with self._database.read() as connection:
            repository = schema.repository(connection, name)
            return int(connection.execute(_USED_BY, (repository,)).fetchone()[0])

    def used(self) -> int:
        """Bytes of all blobs."""
        with self._database.read() as connection:
            query = "SELECT coalesce(sum(size), 0) FROM blobs"
            return int(connection.execute(query).fetchone()[0])

    def counts(self) -> dict[str, int]:
        """How many rows there are of what an operator asks for."""
        tables = ("repositories", "blobs", "manifests", "tags", "uploads")
        with self._database.read() as connection:
            return {
                table: int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
                for table in tables
            }


def name_unknown(name: str) -> RegistryError:
    """The repository does not exist."""
    return RegistryError(
        "NAME_UNKNOWN", f"repository {name} is not known here", detail={"name": name}
    )


def blob_unknown(name: str, digest: str) -> RegistryError:
    """The repository does not have the blob."""
    return RegistryError(
        "BLOB_UNKNOWN", f"blob {digest} is not in repository {name}", detail={"digest": digest}
    )


def manifest_unknown(name: str, reference: str) -> RegistryError:
    """The repository does not have the manifest."""
    return RegistryError(
        "MANIFEST_UNKNOWN",
        f"manifest {reference} is not in repository {name}",
        detail={"name": name, "reference": reference},
    )


def _known(connection: sqlite3.Connection, name: str) -> int:
    repository = schema.repository(connection, name)
    if repository is None:
        raise name_unknown(name)
    return repository


def _tagged(connection: sqlite3.Connection, repository: int, tag: str) -> str:
    query = "SELECT digest FROM tags WHERE repository = ? AND name = ?"
    row = connection.execute(query, (repository, tag)).fetchone()
    return str(row["digest"]) if row else ""


def _descriptor(row: sqlite3.Row) -> dict[str, Any]:
    found: dict[str, Any] = {
        "mediaType": row["media_type"],
        "digest": row["digest"],
        "size": row["size"],
    }
    if row["artifact_type"]:
        found["artifactType"] = row["artifact_type"]
    if annotations := json.loads(row["annotations"]):
        found["annotations"] = annotations
    return found
