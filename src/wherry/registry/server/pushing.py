"""What is written: manifests and tags come in, manifests, tags and blobs go."""

from __future__ import annotations

import hashlib
from typing import Final

from wherry.http.body import BadBody
from wherry.http.message import Answer, Response
from wherry.registry.server import documents
from wherry.registry.server.call import Call
from wherry.registry.server.errors import RegistryError
from wherry.registry.server.library import Library
from wherry.registry.server.quota import Quotas
from wherry.registry.server.routes import check_digest, check_reference, is_tag
from wherry.spec import digest as digests

TAGS_LIMIT: Final = 100
"""Tags that one push may set by its query."""


class Pushing:
    """Answers PUT of manifests, and DELETE."""

    def __init__(self, library: Library, quotas: Quotas) -> None:
        self._library = library
        self._quotas = quotas

    async def put_manifest(self, call: Call) -> Answer:
        """Store a manifest under its digest and its tags."""
        reference = check_reference(call.route.reference)
        data = await _read(call)
        algorithm = digests.algorithm(reference) if ":" in reference else "sha256"
        digest = f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"
        if ":" in reference and reference != digest:
            raise RegistryError(
                "DIGEST_INVALID",
                f"the manifest has the digest {digest}, not {reference}",
                detail={"expected": reference, "found": digest},
            )
        document = documents.read(data, call.header("content-type"))
        tags = [reference] if ":" not in reference else _tags(call)
        self._quotas.check(call.name, len(data))
        await self._library.put_manifest(call.name, digest, data, document, tags)
        headers = {
            "Location": f"/v2/{call.name}/manifests/{digest}",
            "Docker-Content-Digest": digest,
        }
        if document.subject:
            headers["OCI-Subject"] = document.subject
        if ":" in reference and tags:
            headers["OCI-Tag"] = ", ".join(tags)
        return Response(201, headers)

    async def delete_manifest(self, call: Call) -> Answer:
        """Take away a tag, or a manifest with all its tags."""
        reference = check_reference(call.route.reference)
        if ":" in reference:
            await self._library.delete_manifest(call.name, reference)
        else:
            await self._library.delete_tag(call.name, reference)
        return Response(202)

    async def delete_blob(self, call: Call) -> Answer:
        """Take a blob out of a repository."""
        digest = check_digest(call.route.reference)
        await self._library.delete_blob(call.name, digest)
        return Response(202, {"Docker-Content-Digest": digest})


async def _read(call: Call) -> bytes:
    """The manifest's bytes. Raises RegistryError: 413 when they are too many."""
    limit = documents.SIZE_LIMIT
    too_large = RegistryError(
        "MANIFEST_INVALID", f"a manifest may have at most {limit} bytes", status=413
    )
    if (call.request.body.length or 0) > limit:
        raise too_large
    try:
        return await call.request.body.read(limit)
    except BadBody as error:
        if "too large" in str(error):
            raise too_large from None
        raise


def _tags(call: Call) -> list[str]:
    """Tags that a push by digest names in its query. Raises RegistryError."""
    tags = list(dict.fromkeys(call.parameters.get("tag", ())))
    if len(tags) > TAGS_LIMIT:
        raise RegistryError(
            "MANIFEST_INVALID", f"at most {TAGS_LIMIT} tags can be pushed at once", status=414
        )
    for tag in tags:
        if not is_tag(tag):
            raise RegistryError("MANIFEST_INVALID", f"invalid tag {tag[:200]!r}")
    return tags
