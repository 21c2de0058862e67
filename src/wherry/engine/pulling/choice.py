"""Which manifests of an index a pull means.

As containerd chooses: the one that runs best on the wanted platform; of several equally good ones
the first. What an index says of other entries (attestations) is no image and only taken with all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wherry.errors import Invalid, NotFound
from wherry.image.indexes import DEEPEST
from wherry.image.record import IndexTree, StoredManifest
from wherry.spec import image as documents

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wherry.spec.image import Descriptor
    from wherry.spec.platform import Platform

ALL = "all"
"""The platform that means every one."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The platform that was asked for; `everything` is all of them, the host's first."""

    platform: Platform
    everything: bool = False
    explicit: bool = False


def gather(root: StoredManifest, fetch: Callable[[Descriptor], bytes]) -> IndexTree:
    """The index with those nested in it, which `fetch` brings. Raises Invalid."""
    found = [root]
    manifests = _flat(root, fetch, found, 0)
    return IndexTree(tuple(found), tuple(manifests))


def _flat(
    index: StoredManifest,
    fetch: Callable[[Descriptor], bytes],
    found: list[StoredManifest],
    depth: int,
) -> list[Descriptor]:
    if depth > DEEPEST:
        raise Invalid(f"index {index.digest}: indexes are nested too deeply")
    flat: list[Descriptor] = []
    for entry in documents.parse_index(index.document).manifests:
        if entry.media_type in documents.INDEX_TYPES:
            nested = StoredManifest(entry.digest, entry.media_type, fetch(entry))
            found.append(nested)
            flat += _flat(nested, fetch, found, depth + 1)
        else:
            flat.append(entry)
    return flat


def choose(manifests: Sequence[Descriptor], wanted: Wanted) -> list[Descriptor]:
    """The entries to take, the main one first. Raises NotFound when none fits."""
    images = [entry for entry in manifests if not entry.is_attestation]
    main = _best(images, wanted.platform)
    if wanted.everything:
        if main is None and not manifests:
            raise NotFound("the index lists no manifests")
        first = main or (images or list(manifests))[0]
        return [first, *(entry for entry in manifests if entry is not first)]
    if main is None:
        there = ", ".join(dict.fromkeys(str(e.platform) for e in images if e.platform))
        raise NotFound(
            f"no matching manifest for {wanted.platform} in the manifest list entries",
            hint=f"it has {there}; choose one with --platform" if there else "",
        )
    return [main]


def _best(entries: Sequence[Descriptor], platform: Platform) -> Descriptor | None:
    """An entry that does not say its platform fits any."""
    ranked = [
        (0 if entry.platform is None else platform.preference(entry.platform), entry)
        for entry in entries
    ]
    fitting = [(rank, entry) for rank, entry in ranked if rank is not None]
    return min(fitting, key=lambda pair: pair[0])[1] if fitting else None
