"""An image as the store knows it, and its tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

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
)


@dataclass(frozen=True, slots=True)
class Image:
    """One image. `id` is the digest of the config document, "sha256:<hex>".

    `created` and `last_tagged` are nanoseconds since the epoch (0 where unknown); `size` is the
    sum of its layers' files in bytes; `tags` and `digests` are references in full form, sorted.
    """

    id: str
    config: ImageConfig
    document: bytes
    created: int
    last_tagged: int
    parent: str
    size: int
    tags: tuple[str, ...]
    digests: tuple[str, ...]

    @property
    def layers(self) -> tuple[str, ...]:
        """DiffIDs, bottom first."""
        return self.config.diff_ids


@dataclass(frozen=True, slots=True)
class StoredManifest:
    """A manifest an image came with; its digest is what registries know the image by."""

    digest: str
    media_type: str
    document: bytes
