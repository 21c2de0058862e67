"""The image store: which images exist, what they are called, what they are made of.

Facts are rows (`image.record`); layers are in the layer store, compressed blobs in the content
store. Every change is one durable transaction; methods may be called from any thread and do no
more than a few queries, but for those that say that they delete.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from wherry.errors import Invalid, NotFound
from wherry.image import indexes, names
from wherry.image.names import Target
from wherry.image.record import ARTIFACT, STEPS, UNPACKED, Image, StoredManifest
from wherry.spec import digest as digests
from wherry.spec import image as documents
from wherry.spec import instant

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from wherry.image.record import Addition, IndexTree
    from wherry.spec.platform import Platform
    from wherry.spec.reference import Reference
    from wherry.storage.database import Database
    from wherry.storage.gc import Collector
    from wherry.storage.layer import LayerStore
    from wherry.storage.leases import Lease

USER = "image"
"""The kind of owner that images are of layers and blobs."""


class ImageStore:
    """All images of one engine."""

    def __init__(self, database: Database, layers: LayerStore, collector: Collector) -> None:
        self._database = database
        self._collector = collector
        self.layers = layers
        self.content = layers.content
        database.migrate("images", STEPS)

    # Looking up

    def resolve(self, ref: str, platform: Platform | None = None) -> Image:
        """An id, a unique prefix of one, or a name with tag or digest -> the image.

        With a platform, the image of that platform behind the name. A name goes before an id's
        prefix, as with Docker. Raises NotFound, in Docker's words; a prefix that fits several
        images says so in the hint.
        """
        with self._database.read() as connection:
            target = names.find(connection, ref)
            image = self._get(connection, target.image)
            if platform is not None:
                image = self._of_platform(connection, ref, target, image, platform)
            return image

    def target(self, ref: str) -> Target:
        """What a reference leads to, with the digest it stands for. Raises NotFound."""
        with self._database.read() as connection:
            return names.find(connection, ref)

    def named(self, name: Reference) -> Target | None:
        """What exactly this name (a digest goes before a tag) leads to."""
        with self._database.read() as connection:
            return names.by_name(connection, name)

    def document(self, id: str) -> bytes | None:
        """The config document of the image with this id, if there is one."""
        with self._database.read() as connection:
            row = connection.execute("SELECT config FROM images WHERE id = ?", (id,)).fetchone()
        return row["config"] or None if row else None

    def _of_platform(
        self,
        connection: sqlite3.Connection,
        ref: str,
        target: Target,
        image: Image,
        platform: Platform,
    ) -> Image:
        """The best that runs there of what is present behind the name."""
        ids = dict.fromkeys([image.id, *indexes.members(connection, target.digest).values()])
        images = [self._get(connection, id) for id in ids]
        found = best(platform, [one for one in images if one.kind != ARTIFACT])
        if found is None:
            raise NotFound(
                f"image with reference {ref} was found but its platform ({image.config.platform}) "
                f"does not match the specified platform ({platform})"
            )
        return found

    def get(self, id: str) -> Image:
        """The image with this whole id. Raises NotFound."""
        with self._database.read() as connection:
            return self._get(connection, id)

    def _get(self, connection: sqlite3.Connection, id: str) -> Image:
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
        id, kind = row["id"], row["kind"]
        tags, digest_names = names.of_image(connection, id)
        artifact = kind == ARTIFACT
        return Image(
            id=id,
            kind=kind,
            config=documents.NO_CONFIG if artifact else documents.parse_config(row["config"]),
            document=row["config"],
            created=row["created"],
            last_tagged=row["last_tagged"] or 0,
            parent=row["parent"] or "",
            size=self._size(connection, id, kind),
            tags=tags,
            digests=digest_names,
            roots=indexes.roots_of(connection, id),
        )

    def _size(self, connection: sqlite3.Connection, id: str, kind: str) -> int:
        if kind != UNPACKED:
            blobs = self.content.used_by(connection, USER, id)
            return sum(self.content.size(digest) for digest in blobs)
        query = (
            "SELECT SUM(size) AS total FROM layer_users JOIN layers USING (diff_id)"
            " WHERE kind = ? AND owner = ?"
        )
        return int(connection.execute(query, (USER, id)).fetchone()["total"] or 0)

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

    def manifest(self, digest: str) -> tuple[StoredManifest, str] | None:
        """A manifest that is kept, and the id of its image."""
        query = "SELECT digest, media_type, document, image FROM image_manifests WHERE digest = ?"
        with self._database.read() as connection:
            row = connection.execute(query, (digest,)).fetchone()
        return (StoredManifest(*row[:3]), row["image"]) if row else None

    def tags_of(self, repository: str) -> list[str]:
        """The tags of a repository (its full name) that are here, sorted."""
        query = "SELECT tag FROM image_names WHERE repository = ? ORDER BY tag"
        with self._database.read() as connection:
            return [row["tag"] for row in connection.execute(query, (repository,))]

    def index(self, digest: str) -> IndexTree | None:
        """An index that is kept, with what it lists."""
        with self._database.read() as connection:
            return indexes.get(connection, digest)

    def members(self, root: str) -> dict[str, str]:
        """What is present of an index: manifest digest -> image id."""
        with self._database.read() as connection:
            return indexes.members(connection, root)

    def blobs(self, id: str) -> list[str]:
        """The blobs that the image itself keeps (none when it is unpacked)."""
        with self._database.read() as connection:
            return self.content.used_by(connection, USER, id)

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
        self._lease_layers(config, lease)
        with self._database.durable() as transaction:
            self._add_unpacked(transaction, id, document, config, parent)
            if manifest is not None:
                _keep_manifest(transaction, manifest, id)
        self._collector.sweep()
        return self.get(id)

    def add_all(
        self,
        additions: Sequence[Addition],
        lease: Lease,
        *,
        name: Reference | None = None,
        index: IndexTree | None = None,
        main: str = "",
    ) -> str:
        """Record what a pull or a load brought, its index and its name, all or nothing.

        `main` is the id that `name` leads to (the first one's by default). A tag also becomes a
        digest name of its repository. Layers and blobs must be there, leased. Returns the id that
        had the tag before, or "". Raises Invalid for a bad document, NotFound for a missing layer.
        """
        configs = {
            one.id: documents.NO_CONFIG if one.kind == ARTIFACT else _config(one)
            for one in additions
        }
        for one in additions:
            if one.kind == UNPACKED:
                self._lease_layers(configs[one.id], lease)
        main = main or additions[0].id
        before = ""
        with self._database.durable() as transaction:
            for one in additions:
                self._add(transaction, one, configs[one.id])
            if index is not None:
                found = {one.manifest.digest: one.id for one in additions}
                indexes.keep(transaction, index, found)
            if name is not None:
                target = index.root if index else additions[0].manifest.digest
                before = _name(transaction, main, name, target)
        self._collector.sweep()
        return before if before != main else ""

    def _add(
        self, transaction: sqlite3.Connection, one: Addition, config: documents.ImageConfig
    ) -> None:
        if one.kind == UNPACKED:
            self._add_unpacked(transaction, one.id, one.document, config, "")
        elif not names.exists(transaction, one.id):
            _insert(transaction, one.id, one.kind, one.document, config, "")
            self.content.use(transaction, USER, one.id, one.blobs)
        _keep_manifest(transaction, one.manifest, one.id)

    def _add_unpacked(
        self,
        transaction: sqlite3.Connection,
        id: str,
        document: bytes,
        config: documents.ImageConfig,
        parent: str,
    ) -> None:
        """A new image, or one of which only the blobs were kept until now."""
        query = "SELECT kind FROM images WHERE id = ?"
        row = transaction.execute(query, (id,)).fetchone()
        if row is None:
            _insert(transaction, id, UNPACKED, document, config, parent)
        elif row["kind"] != UNPACKED:
            transaction.execute("UPDATE images SET kind = ? WHERE id = ?", (UNPACKED, id))
            self.content.release(transaction, USER, id)
        else:
            return
        self.layers.use(transaction, USER, id, config.diff_ids)

    def _lease_layers(self, config: documents.ImageConfig, lease: Lease) -> None:
        for diff_id in config.diff_ids:
            lease.add("layer", diff_id)
            self.layers.get(diff_id)

    def keep_manifest(self, id: str, manifest: StoredManifest) -> None:
        """Keep a manifest that was made for an image; its blobs are kept already."""
        with self._database.durable() as transaction:
            _keep_manifest(transaction, manifest, id)

    def set_parent(self, id: str, parent: str) -> None:
        """Say what the image was made from; the parent is then not deleted before it."""
        with self._database.durable() as transaction:
            transaction.execute("UPDATE images SET parent = ? WHERE id = ?", (parent, id))

    def tag(self, id: str, name: Reference, target: str = "") -> str | None:
        """Name the image (a tag, else a digest); returns the id that had the name before.

        `target` is the digest of the index or manifest that the name stands for. Raises NotFound.
        """
        with self._database.durable() as transaction:
            if not names.exists(transaction, id):
                raise NotFound(f"No such image: {id}")
            if name.digest and not name.tag:
                _name_digest(transaction, id, name, name.digest)
                return None
            before = _name_tag(transaction, id, name, target)
        return before if before and before != id else None

    def note_digest(self, id: str, name: Reference) -> None:
        """The repository is known to have the image under this digest (after a push)."""
        with self._database.durable() as transaction:
            if names.exists(transaction, id):
                _name_digest(transaction, id, name, name.digest)

    def untag(self, name: Reference) -> bool:
        """Take one name (tag or digest) away; whether it was there. Deletes nothing else."""
        table, column = ("image_digests", "digest") if name.digest else ("image_names", "tag")
        query = f"DELETE FROM {table} WHERE repository = ? AND {column} = ?"
        with self._database.durable() as transaction:
            done = transaction.execute(query, (name.name, name.digest or name.tag))
            return done.rowcount > 0

    def drop_dead_indexes(self) -> list[str]:
        """Forget indexes that no name stands for; ids of images that nothing leads to now."""
        with self._database.durable() as transaction:
            return indexes.drop_dead(transaction)

    def delete(self, id: str) -> list[str]:
        """Delete the image with all its names; returns the diffIDs that go with it, bottom first.

        Deletes files. Layers and blobs that another image or a snapshot has stay.
        """
        with self._database.durable() as transaction:
            transaction.execute("DELETE FROM image_names WHERE image = ?", (id,))
            transaction.execute("DELETE FROM image_digests WHERE image = ?", (id,))
            transaction.execute("UPDATE images SET parent = NULL WHERE parent = ?", (id,))
            transaction.execute("DELETE FROM image_manifests WHERE image = ?", (id,))
            loose = self.layers.release(transaction, USER, id)
            self.content.release(transaction, USER, id)
            transaction.execute("DELETE FROM images WHERE id = ?", (id,))
        self._collector.sweep()
        return loose


def best(platform: Platform, images: Sequence[Image]) -> Image | None:
    """The image that runs best on the platform; of equals the first."""
    ranked = [(platform.preference(image.config.platform), image) for image in images]
    fitting = [(rank, image) for rank, image in ranked if rank is not None]
    return min(fitting, key=lambda pair: pair[0])[1] if fitting else None


def _config(addition: Addition) -> documents.ImageConfig:
    return documents.parse_config(addition.document)


def _insert(
    transaction: sqlite3.Connection,
    id: str,
    kind: str,
    document: bytes,
    config: documents.ImageConfig,
    parent: str,
) -> None:
    row = (id, document, _created(config), parent or None, None, kind)
    transaction.execute("INSERT INTO images VALUES (?, ?, ?, ?, ?, ?)", row)


def _keep_manifest(transaction: sqlite3.Connection, manifest: StoredManifest, id: str) -> None:
    values = (manifest.digest, manifest.media_type, manifest.document, id)
    transaction.execute("INSERT OR REPLACE INTO image_manifests VALUES (?, ?, ?, ?)", values)


def _name(transaction: sqlite3.Connection, id: str, name: Reference, target: str) -> str:
    """By the tag if there is one, and by the digest; returns whose the tag was."""
    before = _name_tag(transaction, id, name, target) if name.tag else ""
    _name_digest(transaction, id, name, target)
    return before


def _name_tag(transaction: sqlite3.Connection, id: str, name: Reference, target: str) -> str:
    had = names.by_tag(transaction, name)
    row = (name.name, name.tag, id, target)
    transaction.execute("INSERT OR REPLACE INTO image_names VALUES (?, ?, ?, ?)", row)
    transaction.execute("UPDATE images SET last_tagged = ? WHERE id = ?", (time.time_ns(), id))
    return had.image if had else ""


def _name_digest(transaction: sqlite3.Connection, id: str, name: Reference, digest: str) -> None:
    row = (name.name, digest, id)
    transaction.execute("INSERT OR REPLACE INTO image_digests VALUES (?, ?, ?)", row)


def _created(config: documents.ImageConfig) -> int:
    """The creation time in nanoseconds, 0 when the document has none that can be read."""
    try:
        return max(instant.parse(config.created), 0)
    except Invalid:
        return 0
