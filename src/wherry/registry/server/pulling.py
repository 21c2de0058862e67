"""What is read: manifests, blobs, lists."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

from wherry.http.message import Answer, FileBody, Response, Stream
from wherry.registry.server import paging, ranges
from wherry.registry.server.call import Call
from wherry.registry.server.content import Blob, Contents, FileBlob, StoredManifest
from wherry.registry.server.errors import RegistryError
from wherry.registry.server.negotiation import choose
from wherry.registry.server.routes import check_digest, check_reference
from wherry.spec import image

OCTETS: Final = "application/octet-stream"


class Pulling:
    """Answers GET and HEAD from the contents of a registry."""

    def __init__(self, contents: Contents) -> None:
        self._contents = contents

    async def manifest(self, call: Call) -> Answer:
        """A manifest by tag or digest, with the bytes that were pushed."""
        reference = check_reference(call.route.reference)
        found = await self._contents.manifest(call.name, reference)
        if ":" not in reference:
            found = await self._acceptable(call, found)
        headers = _headers(found.digest, found.media_type)
        if _is_fresh(call, found.digest):
            return Response(304, headers)
        return Response(200, headers, found.data)

    async def _acceptable(self, call: Call, found: StoredManifest) -> StoredManifest:
        """What a client gets that asked by tag and does not know indexes (docker before 1.10)."""
        digest = choose(call.header("accept"), found)
        if digest == found.digest:
            return found
        try:
            return await self._contents.manifest(call.name, digest)
        except RegistryError:
            return found

    async def blob(self, call: Call) -> Answer:
        """A blob or a range of it."""
        digest = check_digest(call.route.reference)
        headers = _headers(digest, OCTETS) | {"Accept-Ranges": "bytes"}
        if call.method == "HEAD":
            size = await self._contents.blob_size(call.name, digest)
            return Stream(200, headers | {"Content-Length": str(size)}, _nothing())
        if _is_fresh(call, digest):
            await self._contents.blob_size(call.name, digest)
            return Response(304, headers)
        blob = await self._contents.blob(call.name, digest)
        try:
            return _piece(call, blob.size, headers, blob)
        except BaseException:
            if isinstance(blob, FileBlob):
                blob.file.close()
            raise

    async def tags(self, call: Call) -> Answer:
        """The tags of a repository."""
        wanted = paging.page(call.query)
        tags = await self._contents.tags(call.name, wanted)
        shown, headers = paging.cut(tags, wanted, f"/v2/{call.name}/tags/list")
        return _json({"name": call.name, "tags": list(shown)}, headers)

    async def catalog(self, call: Call, names: Sequence[str], wanted: paging.Page) -> Answer:
        """Names of repositories, which the caller has chosen by right."""
        shown, headers = paging.cut(names, wanted, "/v2/_catalog")
        return _json({"repositories": list(shown)}, headers)

    async def referrers(self, call: Call) -> Answer:
        """The manifests whose subject is the given one, as an index."""
        digest = check_digest(call.route.reference)
        found = list(await self._contents.referrers(call.name, digest))
        headers = {"Content-Type": image.OCI_INDEX}
        if kind := call.query.get("artifactType", ""):
            found = [each for each in found if each.get("artifactType") == kind]
            headers["OCI-Filters-Applied"] = "artifactType"
        document = {"schemaVersion": 2, "mediaType": image.OCI_INDEX, "manifests": found}
        return Response(200, headers, image.encode(document))


def _piece(call: Call, size: int, given: Mapping[str, str], blob: Blob) -> Answer:
    span = ranges.wanted(call.header("range"), size) if _may_be_partial(call) else None
    status, headers = 200, dict(given)
    if span is not None:
        status = 206
        headers["Content-Range"] = f"bytes {span.start}-{span.end}/{size}"
    else:
        span = ranges.Span(0, size - 1)
    if isinstance(blob, FileBlob):
        return FileBody(status, headers, blob.file, span.start, span.length)
    headers["Content-Length"] = str(span.length)
    return Stream(status, headers, blob.read(span))


def _may_be_partial(call: Call) -> bool:
    """Whether a Range counts: If-Range must name this very blob (RFC 9110, 13.1.5)."""
    condition = call.header("if-range")
    return not condition or condition.strip('"') == call.route.reference


def _is_fresh(call: Call, digest: str) -> bool:
    """Whether the client has it already (If-None-Match)."""
    known = call.header("if-none-match")
    return any(each.strip().removeprefix("W/").strip('"') == digest for each in known.split(","))


def _headers(digest: str, content_type: str) -> dict[str, str]:
    return {
        "Content-Type": content_type,
        "Docker-Content-Digest": digest,
        "ETag": f'"{digest}"',
    }


def _json(document: object, headers: Mapping[str, str]) -> Response:
    body = json.dumps(document).encode() + b"\n"
    return Response(200, {"Content-Type": "application/json", **headers}, body)


async def _nothing() -> AsyncIterator[bytes]:
    """The body of an answer to HEAD, whose length is told by its header."""
    nothing: tuple[bytes, ...] = ()
    for piece in nothing:
        yield piece
