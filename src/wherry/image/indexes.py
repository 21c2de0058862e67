"""Indexes kept verbatim, and the images of several platforms that stand behind one.

An index is kept as long as a name stands for it: a tag whose target it is, or a digest name. The
images behind it that no name leads to directly are its members; they go with the last index.
Functions over one connection, as in `image.names`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherry.image.record import IndexTree, StoredManifest
from wherry.spec import image as documents

if TYPE_CHECKING:
    import sqlite3

    from wherry.spec.image import Descriptor

_LIVE = (
    "SELECT target FROM image_names WHERE target = root"
    " UNION ALL SELECT digest FROM image_digests WHERE digest = root"
)
DEEPEST = 4
"""Indexes nested in indexes beyond this are refused."""


def keep(connection: sqlite3.Connection, tree: IndexTree, members: dict[str, str]) -> None:
    """Record an index with its present members (manifest digest -> image id).

    Members recorded before stay: the same index was pulled for another platform.
    """
    for document in tree.documents:
        row = (tree.root, document.digest, document.media_type, document.document)
        connection.execute("INSERT OR REPLACE INTO image_indexes VALUES (?, ?, ?, ?)", row)
    rows = [(tree.root, manifest, image) for manifest, image in members.items()]
    connection.executemany("INSERT OR REPLACE INTO image_members VALUES (?, ?, ?)", rows)


def get(connection: sqlite3.Connection, root: str) -> IndexTree | None:
    """The index with this digest, if it is kept."""
    query = "SELECT digest, media_type, document FROM image_indexes WHERE root = ?"
    found = {row["digest"]: StoredManifest(*row) for row in connection.execute(query, (root,))}
    if root not in found:
        return None
    others = tuple(stored for digest, stored in found.items() if digest != root)
    return IndexTree((found[root], *others), tuple(_flat(found, root)))


def _flat(found: dict[str, StoredManifest], digest: str) -> list[Descriptor]:
    """Every manifest that is no index, in the order of the documents."""
    flat: list[Descriptor] = []
    for entry in documents.parse_index(found[digest].document).manifests:
        if entry.media_type in documents.INDEX_TYPES and entry.digest in found:
            flat += _flat(found, entry.digest)
        else:
            flat.append(entry)
    return flat


def members(connection: sqlite3.Connection, root: str) -> dict[str, str]:
    """What is present of an index: manifest digest -> image id."""
    query = "SELECT manifest, image FROM image_members WHERE root = ?"
    return {row["manifest"]: row["image"] for row in connection.execute(query, (root,))}


def roots_of(connection: sqlite3.Connection, image: str) -> tuple[str, ...]:
    """The indexes that an image is a part of."""
    query = "SELECT DISTINCT root FROM image_members WHERE image = ? ORDER BY root"
    return tuple(row["root"] for row in connection.execute(query, (image,)))


def drop_dead(connection: sqlite3.Connection) -> list[str]:
    """Forget the indexes that no name stands for; ids of images that nothing leads to now."""
    dead = [
        row["root"]
        for row in connection.execute(
            f"SELECT DISTINCT root FROM image_indexes WHERE NOT EXISTS ({_LIVE})"
        )
    ]
    behind: dict[str, None] = {}
    for root in dead:
        behind |= dict.fromkeys(members(connection, root).values())
        connection.execute("DELETE FROM image_indexes WHERE root = ?", (root,))
        connection.execute("DELETE FROM image_members WHERE root = ?", (root,))
    return [id for id in behind if not _is_led_to(connection, id)]


def _is_led_to(connection: sqlite3.Connection, image: str) -> bool:
    tables = ("image_names", "image_digests", "image_members")
    return any(
        connection.execute(f"SELECT 1 FROM {table} WHERE image = ?", (image,)).fetchone()
        for table in tables
    )
