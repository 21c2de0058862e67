"""What refers to a manifest: the referrers API, else the tag that stands for it.

Source: OCI distribution spec v1.1, "Listing Referrers" and "Referrers Tag Schema".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wherry.errors import Invalid, NotFound, Unsupported
from wherry.registry import documents, manifests
from wherry.registry.conversation import pull_scope
from wherry.registry.endpoint import Call
from wherry.spec import digest as digests
from wherry.spec import image as images
from wherry.spec.image import OCI_INDEX, Descriptor
from wherry.spec.reference import Reference

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wherry.registry.conversation import Conversation


def find(
    talk: Conversation, repository: str, digest: str, artifact_type: str
) -> tuple[Descriptor, ...]:
    """Manifests whose subject has this digest, of one artifact type if one is given."""
    query = {"artifactType": artifact_type} if artifact_type else {}
    call = Call("GET", f"{repository}/referrers/{digest}", pull_scope(repository), query)
    what = f"referrers of {digest} in {repository}"
    try:
        pages = list(talk.pages(call, what))
    except (NotFound, Unsupported, Invalid):  # as registries say that they do not know the API
        found = _tagged(talk.direct(), repository, digest)
    else:
        found = [_descriptor(entry) for page in pages for entry in page.get("manifests") or ()]
    return tuple(each for each in found if artifact_type in ("", each.artifact_type))


def announce(talk: Conversation, repository: str, document: bytes, media_type: str) -> None:
    """Enter a manifest with a subject, just stored, into its subject's referrers tag.

    Two clients that do this at once may lose one of the entries: the tag schema has no way to
    prevent it.
    """
    subject = documents.subject(document)
    if subject is None:
        return
    entry = documents.referrer(document, media_type)
    known = _tagged(talk.direct(), repository, subject.digest)
    if any(each.digest == entry.digest for each in known):
        return
    index = images.encode(
        {
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": [each.to_json() for each in (*known, entry)],
        }
    )
    manifests.put(talk, repository, _tag(subject.digest), OCI_INDEX, index)


def _tagged(talk: Conversation, repository: str, digest: str) -> list[Descriptor]:
    reference = Reference("", repository, tag=_tag(digest))
    try:
        resolved = manifests.resolve(talk, reference)
    except NotFound:
        return []
    if resolved.descriptor.media_type not in images.INDEX_TYPES:
        return []
    return list(images.parse_index(resolved.document).manifests)


def _tag(digest: str) -> str:
    return f"{digests.algorithm(digest)}-{digests.encoded(digest)[:64]}"


def _descriptor(entry: Mapping[str, Any]) -> Descriptor:
    return images.parse_descriptor(entry)
