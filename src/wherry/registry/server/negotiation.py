"""Which manifest a client gets that asks by tag, by its Accept header.

Only one case is worth an answer of its own: a client that takes single manifests and no index gets
the manifest for linux/amd64, as docker-registry has always done. Everything else gets what was
pushed: a client that sends no Accept header, or one that names neither, still sees a Content-Type
that it can refuse, which tells it more than a 404 (content-negotiation.md leaves it open).
"""

from __future__ import annotations

from typing import Final

from wherry.errors import Invalid
from wherry.registry.server.content import StoredManifest
from wherry.spec import image

_DEFAULT: Final = ("linux", "amd64")


def choose(accept: str, found: StoredManifest) -> str:
    """The digest of the manifest to send: the one found, or one that it lists."""
    if found.media_type not in image.INDEX_TYPES or not _only_manifests(accept):
        return found.digest
    try:
        entries = image.parse_index(found.data).manifests
    except Invalid:
        return found.digest
    for each in entries:
        platform = each.platform
        if platform and (platform.os, platform.architecture) == _DEFAULT:
            return each.digest
    return found.digest


def _only_manifests(accept: str) -> bool:
    """Whether a header takes a single manifest, and nothing that an index could be."""
    kinds = {each.partition(";")[0].strip().lower() for each in accept.split(",")}
    if kinds & {"*/*", "application/*", "application/json", *image.INDEX_TYPES}:
        return False
    return bool(kinds & set(image.MANIFEST_TYPES))
