"""An image as the store knows it, and its tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wherry.spec import digest as digests
from wherry.spec.image import Descriptor

if TYPE_CHECKING:
    from wherry.spec.image import ImageConfig

STEPS = (
    """CREATE TABLE images (
        id TEXT PRIMARY KEY,
        config BLOB NOT NULL,
        created INTEGER NOT NULL,
        parent TEXT,
        last_tagged INTEGER
    ) WITHOUT ROWID;
    CREATE INDEX images_by_parent ON images (parent);
    CREATE TABLE image_names (
        repository TEXT,
        tag TEXT,
        image TEXT NOT NULL REFERENCES images,
        PRIMARY KEY (repository, tag)
    ) WITHOUT ROWID;
    CREATE INDEX image_names_by_image ON image_names (image);
    CREATE TABLE image_digests (
        repository TEXT,
        digest TEXT,
        image TEXT NOT NULL REFERENCES images,
        PRIMARY KEY (repository, digest)
    ) WITHOUT ROWID;
    CREATE INDEX image_digests_by_image ON image_digests (image);
    CREATE TABLE image_manifests (
        digest TEXT PRIMARY KEY,
        media_type TEXT NOT NULL,
        document BLOB NOT NULL,
        image TEXT NOT NULL REFERENCES images ON DELETE CASCADE
    ) WITHOUT ROWID;
    CREATE INDEX image_manifests_by_image ON image_manifests (image)""",
    """ALTER TABLE images ADD COLUMN kind TEXT NOT NULL DEFAULT 'unpacked';
    ALTER TABLE image_names ADD COLUMN target TEXT NOT NULL DEFAULT '';
    CREATE TABLE image_indexes (
        root TEXT,
        digest TEXT,
        media_type TEXT NOT NULL,
        document BLOB NOT NULL,
        PRIMARY KEY (root, digest)
    ) WITHOUT ROWID;
    CREATE TABLE image_members (
        root TEXT,
        manifest TEXT,
        image TEXT NOT NULL REFERENCES images ON DELETE CASCADE,
        PRIMARY KEY (root, manifest)
    ) WITHOUT ROWID;
    CREATE INDEX image_members_by_image ON image_members (image)""",
)

UNPACKED = "unpacked"
"""Kind of an image whose layers are in the layer store: it can be run."""
CONTENT = "content"
"""Kind of an image of which only the blobs are kept, as they came: another platform's."""
ARTIFACT = "artifact"
"""Kind of what has a manifest and is no image; its id is the manifest's digest."""


@dataclass(frozen=True, slots=True)
class Image:
    """One image. `id` is the digest of the config document, "sha256:<hex>".

    `kind` is UNPACKED, CONTENT or ARTIFACT. `created` and `last_tagged` are nanoseconds since the
    epoch (0 where unknown); `size` is the sum of its layers' files in bytes (of its blobs where
    they are not unpacked); `tags` and `digests` are references in full form, sorted. `roots` are
    the indexes that it is a part of: an image without a name of its own is reached through them.
    """

    id: str
    kind: str
    config: ImageConfig
    document: bytes
    created: int
    last_tagged: int
    parent: str
    size: int
    tags: tuple[str, ...]
    digests: tuple[str, ...]
    roots: tuple[str, ...] = ()

    @property
    def layers(self) -> tuple[str, ...]:
        """DiffIDs, bottom first."""
        return self.config.diff_ids


@dataclass(frozen=True, slots=True)
class StoredManifest:
    """A manifest or index, verbatim; its digest is what registries know it by."""

    digest: str
    media_type: str
    document: bytes

    @property
    def descriptor(self) -> Descriptor:
        """What points at it."""
        return Descriptor(self.media_type, self.digest, len(self.document))


@dataclass(frozen=True, slots=True)
class Addition:
    """An image to be recorded: its manifest, its config document (empty for an artifact).

    `blobs` are those that the image itself keeps, when its layers are not unpacked.
    """

    kind: str
    document: bytes
    manifest: StoredManifest
    blobs: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The image's id."""
        return self.manifest.digest if self.kind == ARTIFACT else digests.of(self.document)


@dataclass(frozen=True, slots=True)
class IndexTree:
    """An index with all that it lists: its document first, then those nested in it."""

    documents: tuple[StoredManifest, ...]
    manifests: tuple[Descriptor, ...]

    @property
    def root(self) -> str:
        """The digest of the outermost index."""
        return self.documents[0].digest
