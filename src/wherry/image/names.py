"""From what a person writes to an image's id: names, digests, ids and their prefixes.

Functions over one connection of the database, so that what they find together was true together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wherry.errors import Invalid, NotFound
from wherry.spec import digest as digests
from wherry.spec import reference

if TYPE_CHECKING:
    import sqlite3

    from wherry.spec.reference import Reference

_SHORTEST_PREFIX = 1


@dataclass(frozen=True, slots=True)
class Target:
    """What a reference leads to: an image, and the digest the name stands for in registries.

    `digest` is that of an index or a manifest, "" where the image was made here or named by id.
    """

    image: str
    digest: str = ""


def find(connection: sqlite3.Connection, ref: str) -> Target:
    """An id, a name with tag or digest, or a unique prefix of an id. Raises NotFound.

    A name goes before an id's prefix, as with Docker.
    """
    if digests.is_digest(ref) and exists(connection, ref):
        return Target(ref)
    try:
        named = reference.parse(ref)
    except Invalid:
        named = None
    found = by_name(connection, named) if named else None
    return found or Target(_by_prefix(connection, ref, named))


def exists(connection: sqlite3.Connection, id: str) -> bool:
    """Whether there is an image with this whole id."""
    return bool(connection.execute("SELECT 1 FROM images WHERE id = ?", (id,)).fetchone())


def by_name(connection: sqlite3.Connection, named: Reference) -> Target | None:
    """What the name (a digest goes before a tag) leads to."""
    if not named.digest:
        return by_tag(connection, named.tagged())
    query = "SELECT image FROM image_digests WHERE repository = ? AND digest = ?"
    row = connection.execute(query, (named.name, named.digest)).fetchone()
    return Target(row["image"], named.digest) if row else None


def by_tag(connection: sqlite3.Connection, named: Reference) -> Target | None:
    """What a repository and tag lead to."""
    query = "SELECT image, target FROM image_names WHERE repository = ? AND tag = ?"
    row = connection.execute(query, (named.name, named.tag)).fetchone()
    return Target(row["image"], row["target"]) if row else None


def of_image(connection: sqlite3.Connection, id: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The image's tags and digest names, in full form, sorted."""
    return (
        _references(connection, "image_names", "tag", ":", id),
        _references(connection, "image_digests", "digest", "@", id),
    )


def _references(
    connection: sqlite3.Connection, table: str, column: str, mark: str, id: str
) -> tuple[str, ...]:
    query = f"SELECT repository, {column} AS part FROM {table} WHERE image = ?"
    rows = connection.execute(query, (id,))
    return tuple(sorted(f"{row['repository']}{mark}{row['part']}" for row in rows))


def _by_prefix(connection: sqlite3.Connection, ref: str, named: Reference | None) -> str:
    shown = named.tagged().familiar if named else ref
    prefix = ref.removeprefix("sha256:")
    if not is_id_prefix(prefix):
        raise NotFound(f"No such image: {shown}")
    query = "SELECT id FROM images WHERE id >= ? AND id < ? LIMIT 3"
    rows = connection.execute(query, (f"sha256:{prefix}", f"sha256:{prefix}g")).fetchall()
    if len(rows) > 1:
        several = ", ".join(row["id"][7:19] for row in rows)
        raise NotFound(f"No such image: {shown}", hint=f"the prefix fits several images: {several}")
    if not rows:
        raise NotFound(f"No such image: {shown}")
    return str(rows[0]["id"])


def is_id_prefix(text: str) -> bool:
    """Whether the text could begin an image's hex id."""
    return _SHORTEST_PREFIX <= len(text) <= 64 and not text.strip("0123456789abcdef")
