"""Changes of the registry's tables. Each is one durable transaction: when a method has returned,
the change survives a power cut. They wait for the disk, so they are called in worker threads.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Sequence

from wherry.registry.server import schema
from wherry.registry.server.documents import Document
from wherry.registry.server.errors import RegistryError
from wherry.registry.server.reading import blob_unknown, manifest_unknown, name_unknown
from wherry.spec.image import Descriptor
from wherry.storage.database import Database

_PUT_MANIFEST = """
INSERT INTO manifests VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)
ON CONFLICT DO UPDATE SET media_type = excluded.media_type, dropped = NULL,
    untagged = CASE WHEN untagged IS NULL THEN NULL ELSE excluded.untagged END
"""
_UNTAGGED = "NOT EXISTS (SELECT 1 FROM tags WHERE tags.repository = ?1 AND tags.digest = ?2)"


class Writing:
    """Changes of one database. `sparse` lets an index name manifests that are not there."""

    def __init__(self, database: Database, *, sparse: bool = False) -> None:
        self._database = database
        self._sparse = sparse

    def link(self, name: str, digest: str, size: int, upload: str = "") -> None:
        """A blob whose bytes are in place becomes visible in a repository; its upload is over."""
        with self._database.durable() as connection:
            repository = schema.make_repository(connection, name)
            connection.execute("INSERT OR IGNORE INTO blobs VALUES (?, ?)", (digest, size))
            _link(connection, repository, digest)
            connection.execute("DELETE FROM uploads WHERE id = ?", (upload,))

    def mount(self, name: str, digest: str) -> bool:
        """Link a blob that any repository has; False if none has it."""
        query = "SELECT 1 FROM blobs WHERE digest = ?"
        with self._database.durable() as connection:
            if connection.execute(query, (digest,)).fetchone() is None:
                return False
            _link(connection, schema.make_repository(connection, name), digest)
        return True

    def note_use(self, name: str, digest: str) -> None:
        """Somebody relies on the blob's being there: its time before collection begins anew."""
        query = "UPDATE links SET used = ? WHERE repository = ? AND digest = ?"
        with self._database.run_state() as connection:
            repository = schema.repository(connection, name)
            connection.execute(query, (_now(), repository, digest))

    def unlink(self, name: str, digest: str) -> None:
        """Take a blob out of a repository. Raises RegistryError, also while a manifest needs it."""
        with self._database.durable() as connection:
            repository = _known(connection, name)
            values = (repository, digest)
            query = "SELECT parent FROM refs WHERE repository = ? AND child = ?"
            linked = "SELECT 1 FROM links WHERE repository = ? AND digest = ?"
            if connection.execute(linked, values).fetchone() is None:
                raise blob_unknown(name, digest)
            if row := connection.execute(query, values).fetchone():
                raise RegistryError(
                    "UNSUPPORTED",
                    f"blob {digest} is needed by manifest {row['parent']} of {name}: delete that",
                )
            connection.execute("DELETE FROM links WHERE repository = ? AND digest = ?", values)

    def put_manifest(
        self,
        name: str,
        digest: str,
        data: bytes,
        document: Document,
        tags: Sequence[str],
        *,
        whole: bool = True,
    ) -> None:
        """Store a manifest and point tags at it. Raises RegistryError: MANIFEST_BLOB_UNKNOWN.

        With `whole` off what it names need not be there (a cache fetches it when it is wanted).
        """
        with self._database.durable() as connection:
            repository = schema.make_repository(connection, name)
            if whole:
                self._check_references(connection, repository, document)
            connection.execute("INSERT OR IGNORE INTO documents VALUES (?, ?)", (digest, data))
            row = (
                repository,
                digest,
                document.media_type,
                len(data),
                document.subject,
                document.artifact_type,
                json.dumps(dict(document.annotations)),
                _now(),
            )
            connection.execute(_PUT_MANIFEST, row)
            _put_references(connection, repository, digest, document)
            for tag in tags:
                _put_tag(connection, repository, tag, digest)

    def _check_references(
        self, connection: sqlite3.Connection, repository: int, document: Document
    ) -> None:
        wanted = list(document.blobs) + ([] if self._sparse else list(document.manifests))
        missing = [each.digest for each in wanted if not _is_present(connection, repository, each)]
        if missing:
            raise RegistryError(
                "MANIFEST_BLOB_UNKNOWN",
                f"the manifest names what is not in this repository: {', '.join(missing[:3])}",
                detail=[{"digest": each} for each in missing],
            )

    def delete_tag(self, name: str, tag: str) -> None:
        """Take a tag away. Raises RegistryError: NAME_UNKNOWN, MANIFEST_UNKNOWN."""
        with self._database.durable() as connection:
            repository = _known(connection, name)
            query = "DELETE FROM tags WHERE repository = ? AND name = ? RETURNING digest"
            row = connection.execute(query, (repository, tag)).fetchone()
            if row is None:
                raise manifest_unknown(name, tag)
            drop(connection, repository, [row["digest"]], _now())

    def delete_manifest(self, name: str, digest: str) -> None:
        """Take a manifest and its tags away. Raises RegistryError as `delete_tag`."""
        with self._database.durable() as connection:
            repository = _known(connection, name)
            connection.execute(
                "DELETE FROM tags WHERE repository = ? AND digest = ?", (repository, digest)
            )
            if not remove_manifest(connection, repository, digest, _now()):
                raise manifest_unknown(name, digest)


def remove_manifest(
    connection: sqlite3.Connection, repository: int, digest: str, dropped: int
) -> bool:
    """Remove an untagged manifest; what belonged to it counts as dropped at the given time."""
    values = (repository, digest)
    query = "DELETE FROM manifests WHERE repository = ? AND digest = ?"
    if connection.execute(query, values).rowcount == 0:
        return False
    children = [
        row["child"]
        for row in connection.execute(
            "SELECT child FROM refs WHERE repository = ? AND parent = ?", values
        )
    ]
    referrers = [
        row["digest"]
        for row in connection.execute(
            "SELECT digest FROM manifests WHERE repository = ? AND subject = ?", values
        )
    ]
    connection.execute("DELETE FROM refs WHERE repository = ? AND parent = ?", values)
    connection.execute(
        "DELETE FROM documents WHERE digest = ?1 "
        "AND NOT EXISTS (SELECT 1 FROM manifests WHERE digest = ?1)",
        (digest,),
    )
    drop(connection, repository, [*children, *referrers], dropped)
    return True


def drop(
    connection: sqlite3.Connection, repository: int, digests: Iterable[str], moment: int
) -> None:
    """Manifests that somebody let go of; those that have a tag stay as they are."""
    for digest in digests:
        connection.execute(
            "UPDATE manifests SET dropped = ?3, untagged = coalesce(untagged, ?3) "
            f"WHERE repository = ?1 AND digest = ?2 AND {_UNTAGGED}",
            (repository, digest, moment),
        )


def _link(connection: sqlite3.Connection, repository: int, digest: str) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO links VALUES (?, ?, ?)", (repository, digest, _now())
    )


def _is_present(connection: sqlite3.Connection, repository: int, wanted: Descriptor) -> bool:
    """Whether what a descriptor names is here. Raises RegistryError when its size differs."""
    query = """SELECT size FROM links JOIN blobs USING (digest)
               WHERE repository = ?1 AND digest = ?2
               UNION ALL SELECT size FROM manifests WHERE repository = ?1 AND digest = ?2"""
    sizes = [row["size"] for row in connection.execute(query, (repository, wanted.digest))]
    if sizes and wanted.size not in sizes:
        raise RegistryError(
            "SIZE_INVALID",
            f"the manifest says that {wanted.digest} has {wanted.size} bytes, it has {sizes[0]}",
        )
    return bool(sizes)


def _put_references(
    connection: sqlite3.Connection, repository: int, digest: str, document: Document
) -> None:
    children = {each.digest for each in (*document.blobs, *document.manifests)}
    connection.executemany(
        "INSERT OR IGNORE INTO refs VALUES (?, ?, ?)",
        [(repository, digest, child) for child in children],
    )
    # An index that is pushed takes its manifests back from whoever had dropped them.
    connection.executemany(
        "UPDATE manifests SET dropped = NULL WHERE repository = ? AND digest = ?",
        [(repository, each.digest) for each in document.manifests],
    )


def _put_tag(connection: sqlite3.Connection, repository: int, tag: str, digest: str) -> None:
    query = "SELECT digest FROM tags WHERE repository = ? AND name = ?"
    before = connection.execute(query, (repository, tag)).fetchone()
    connection.execute("INSERT OR REPLACE INTO tags VALUES (?, ?, ?)", (repository, tag, digest))
    connection.execute(
        "UPDATE manifests SET untagged = NULL, dropped = NULL WHERE repository = ? AND digest = ?",
        (repository, digest),
    )
    if before is not None and before["digest"] != digest:
        connection.execute(
            "UPDATE manifests SET untagged = ?3 "
            f"WHERE repository = ?1 AND digest = ?2 AND {_UNTAGGED}",
            (repository, before["digest"], _now()),
        )


def _known(connection: sqlite3.Connection, name: str) -> int:
    repository = schema.repository(connection, name)
    if repository is None:
        raise name_unknown(name)
    return repository


def _now() -> int:
    return int(time.time())
