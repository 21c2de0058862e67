"""The image store: which images exist, what they are called, what they are made of.

Facts are rows (`image.record`); layers are in the layer store, compressed blobs in the content
store. Every change is one durable transaction; methods may be called from any thread and do no
more than a few queries, but for those that say that they delete.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from wherry.errors import Invalid, NotFound
from wherry.image.record import STEPS, Image, StoredManifest
from wherry.spec import digest as digests
from wherry.spec import image as documents
from wherry.spec import instant, reference
from wherry.spec.reference import Reference

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from wherry.storage.database import Database
    from wherry.storage.gc import Collector
    from wherry.storage.layer import LayerStore
    from wherry.storage.leases import Lease

_USER = "image"
_SHORTEST_PREFIX = 1


class ImageStore:
    """All images of one engine."""

    def __init__(self, database: Database, layers: LayerStore, collector: Collector) -> None:
        self._database = database
        self._collector = collector
        self.layers = layers
        database.migrate("images", STEPS)

    # Looking up

    def resolve(self, ref: str) -> Image:
        """An id, a unique prefix of one, or a name with tag or digest -> the image.

        A name goes before an id's prefix, as with Docker. Raises NotFound, in Docker's words; a
        prefix that fits several images says so in the hint.
        """
        with self._database.read() as connection:
            found = self._find(connection, ref)
        return self.get(found)

    def _find(self, connection: sqlite3.Connection, ref: str) -> str:
        if digests.is_digest(ref) and self._exists(connection, ref):
            return ref
        try:
            named = reference.parse(ref)
        except Invalid:
            named = None
        found = self._by_name(connection, named) if named else None
        return found or self._by_prefix(connection, ref, named)

    def _exists(self, connection: sqlite3.Connection, id: str) -> bool:
        return bool(connection.execute("SELECT 1 FROM images WHERE id = ?", (id,)).fetchone())

    def _by_name(self, connection: sqlite3.Connection, named: Reference) -> str | None:
        if named.digest:
            query = "SELECT image FROM image_digests WHERE repository = ? AND digest = ?"
            row = connection.execute(query, (named.name, named.digest)).fetchone()
            return str(row["image"]) if row else None
        return self._named_image(connection, named.tagged())

    def _named_image(self, connection: sqlite3.Connection, named: Reference) -> str | None:
        query = "SELECT image FROM image_names WHERE repository = ? AND tag = ?"
        row = connection.execute(query, (named.name, named.tag)).fetchone()
        return str(row["image"]) if row else None

    def _by_prefix(self, connection: sqlite3.Connection, ref: str, named: Reference | None) -> str:
        shown = named.tagged().familiar if named else ref
        prefix = ref.removeprefix("sha256:")
        if not is_id_prefix(prefix):
            raise NotFound(f"No such image: {shown}")
        query = "SELECT id FROM images WHERE id >= ? AND id < ? LIMIT 3"
        rows = connection.execute(query, (f"sha256:{prefix}", f"sha256:{prefix}g")).fetchall()
        if len(rows) > 1:
            several = ", ".join(row["id"][7:19] for row in rows)
            raise NotFound(
                f"No such image: {shown}", hint=f"the prefix fits several images: {several}"
            )
        if not rows:
            raise NotFound(f"No such image: {shown}")
        return str(rows[0]["id"])

    def get(self, id: str) -> Image:
        """The image with this whole id. Raises NotFound."""
        with self._database.read() as connection:
            row = connection.execute("SELECT * FROM images WHERE id = ?", (id,)).fetchone()
            if row is None:
                raise NotFound(f"No such image: {id}")
            return self._image(connection, row)

    def images(self) -> Iterator[Image]:
        """Every image, in no order."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT * FROM images").fetchall()
            yield from [self._image(connection, row) for row in rows]

    def _image(self, connection: sqlite3.Connection, row: sqlite3.Row) -> Image:
        id = row["id"]
        return Image(
            id=id,
            config=documents.parse_config(row["config"]),
            document=row["config"],
            created=row["created"],
            last_tagged=row["last_tagged"] or 0,
            parent=row["parent"] or "",
            size=self._size(connection, id),
            tags=self._references(connection, "image_names", "tag", ":", id),
            digests=self._references(connection, "image_digests", "digest", "@", id),
        )

    def _size(self, connection: sqlite3.Connection, id: str) -> int:
        query = (
            "SELECT SUM(size) AS total FROM layer_users JOIN layers USING (diff_id)"
            " WHERE kind = ? AND owner = ?"
        )
        return int(connection.execute(query, (_USER, id)).fetchone()["total"] or 0)

    def _references(
        self, connection: sqlite3.Connection, table: str, column: str, mark: str, id: str
    ) -> tuple[str, ...]:
        query = f"SELECT repository, {column} AS part FROM {table} WHERE image = ?"
        rows = connection.execute(query, (id,))
        return tuple(sorted(f"{row['repository']}{mark}{row['part']}" for row in rows))

    def children(self, id: str) -> list[str]:
        """Ids of the images that name it as their parent."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT id FROM images WHERE parent = ?", (id,))
            return [row["id"] for row in rows]

    def manifests(self, id: str) -> list[StoredManifest]:
        """The manifests that the image came with."""
        query = (
            "SELECT digest, media_type, document FROM image_manifests WHERE image = ?"
            " ORDER BY digest"
        )
        with self._database.read() as connection:
            return [StoredManifest(*row) for row in connection.execute(query, (id,))]

    # Changing

    def add(
        self,
        document: bytes,
        lease: Lease,
        *,
        parent: str = "",
        manifest: StoredManifest | None = None,
    ) -> Image:
        """Record the image of this config document; its layers must be there, leased.

        An image that is there already is kept, and gets the manifest and parent where it had none.
        Raises Invalid for a bad document and NotFound for a missing layer.
        """
        config = documents.parse_config(document)
        id = digests.of(document)
        for diff_id in config.diff_ids:
            lease.add("layer", diff_id)
            self.layers.get(diff_id)
        with self._database.durable() as transaction:
            if not self._exists(transaction, id):
                row = (id, document, _created(config), parent or None, None)
                transaction.execute("INSERT INTO images VALUES (?, ?, ?, ?, ?)", row)
                self.layers.use(transaction, _USER, id, config.diff_ids)
            if manifest is not None:
                values = (manifest.digest, manifest.media_type, manifest.document, id)
                transaction.execute(
                    "INSERT OR REPLACE INTO image_manifests VALUES (?, ?, ?, ?)", values
                )
        return self.get(id)

    def set_parent(self, id: str, parent: str) -> None:
        """Say what the image was made from; the parent is then not deleted before it."""
        with self._database.durable() as transaction:
            transaction.execute("UPDATE images SET parent = ? WHERE id = ?", (parent, id))

    def tag(self, id: str, name: Reference) -> str | None:
        """Name the image (a tag, else a digest); returns the id that had the name before.

        Raises NotFound.
        """
        with self._database.durable() as transaction:
            if not self._exists(transaction, id):
                raise NotFound(f"No such image: {id}")
            if name.digest and not name.tag:
                row = (name.name, name.digest, id)
                transaction.execute("INSERT OR REPLACE INTO image_digests VALUES (?,?,?)", row)
                return None
            before = self._named_image(transaction, name)
            row = (name.name, name.tag, id)
            transaction.execute("INSERT OR REPLACE INTO image_names VALUES (?,?,?)", row)
            transaction.execute(
                "UPDATE images SET last_tagged = ? WHERE id = ?", (time.time_ns(), id)
            )
        return before if before != id else None

    def untag(self, name: Reference) -> bool:
        """Take one name (tag or digest) away; whether it was there. Deletes nothing else."""
        table, column = ("image_digests", "digest") if name.digest else ("image_names", "tag")
        query = f"DELETE FROM {table} WHERE repository = ? AND {column} = ?"
        with self._database.durable() as transaction:
            done = transaction.execute(query, (name.name, name.digest or name.tag))
            return done.rowcount > 0

    def delete(self, id: str) -> list[str]:
        """Delete the image with all its names; returns the diffIDs that go with it, bottom first.

        Deletes files. Layers that another image or a snapshot has stay.
        """
        with self._database.durable() as transaction:
            transaction.execute("DELETE FROM image_names WHERE image = ?", (id,))
            transaction.execute("DELETE FROM image_digests WHERE image = ?", (id,))
            transaction.execute("UPDATE images SET parent = NULL WHERE parent = ?", (id,))
            transaction.execute("DELETE FROM image_manifests WHERE image = ?", (id,))
            loose = self.layers.release(transaction, _USER, id)
            transaction.execute("DELETE FROM images WHERE id = ?", (id,))
        self._collector.sweep()
        return loose


def is_id_prefix(text: str) -> bool:
    """Whether the text could begin an image's hex id."""
    return _SHORTEST_PREFIX <= len(text) <= 64 and not text.strip("0123456789abcdef")


def _created(config: documents.ImageConfig) -> int:
    """The creation time in nanoseconds, 0 when the document has none that can be read."""
    try:
        return max(instant.parse(config.created), 0)
    except Invalid:
        return 0
