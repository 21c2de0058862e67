"""The ways in for a blob: at once, by POST and PUT, in chunks, or by a mount.

Chunks are checked by Content-Range against what has arrived; whatever a broken request delivered
stays, and GET tells the client where to go on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Final
from urllib.parse import quote

from wherry.http.body import BadBody
from wherry.http.message import Answer, Response
from wherry.registry.server import ranges
from wherry.registry.server.call import Call
from wherry.registry.server.errors import RegistryError
from wherry.registry.server.intake import Intake, pieces
from wherry.registry.server.library import Library
from wherry.registry.server.quota import Quotas, refusal
from wherry.registry.server.routes import check_digest, check_name
from wherry.registry.server.uploads import Upload

_EMPTY_RANGE: Final = "0-0"


class Uploading:
    """Answers everything below `blobs/uploads/`."""

    def __init__(self, library: Library, quotas: Quotas) -> None:
        self._library = library
        self._quotas = quotas

    async def begin(self, call: Call, may_pull: Callable[[str], bool]) -> Answer:
        """POST: mount a blob, take one whole, or begin an upload.

        `may_pull` tells which repositories the sender may mount from.
        """
        query = call.query
        if mount := query.get("mount", ""):
            if await self._mount(call, check_digest(mount), query.get("from", ""), may_pull):
                return _created(call.name, mount)
            return await self._new(call, query.get("digest-algorithm", "sha256"))
        self._quotas.check(call.name, 1)
        if digest := query.get("digest", ""):
            return await self._whole(call, check_digest(digest))
        return await self._new(call, query.get("digest-algorithm", "sha256"))

    async def _mount(
        self, call: Call, digest: str, source: str, may_pull: Callable[[str], bool]
    ) -> bool:
        reading = self._library.reading
        if reading.has_link(call.name, digest):
            await self._library.note_use(call.name, digest)
            return True
        holders = set(reading.holders(digest))
        if source:
            holders &= {check_name(source)}
        return any(map(may_pull, holders)) and await self._library.mount(call.name, digest)

    async def _new(self, call: Call, algorithm: str) -> Answer:
        upload = await self._library.in_thread(self._library.uploads.begin, call.name, algorithm)
        return _state(202, upload)

    async def _whole(self, call: Call, digest: str) -> Answer:
        uploads = self._library.uploads
        algorithm = digest.partition(":")[0]
        upload = await self._library.in_thread(uploads.begin, call.name, algorithm)
        try:
            turn = upload.take_over()
            await self._receive(call, upload, turn)
            await self._library.complete(upload, turn, digest)
        except BaseException:
            with contextlib.suppress(RegistryError):
                uploads.cancel(upload)
            raise
        return _created(call.name, digest)

    async def chunk(self, call: Call) -> Answer:
        """PATCH: take the next bytes."""
        upload = self._find(call)
        turn = upload.take_over()
        self._check_place(call, upload)
        await self._receive(call, upload, turn)
        return _state(202, upload)

    async def finish(self, call: Call) -> Answer:
        """PUT: take the last bytes, if any, and make the blob."""
        digest = check_digest(call.query.get("digest", ""))
        upload = self._find(call)
        turn = upload.take_over()
        self._check_place(call, upload)
        if not call.request.body.empty:
            await self._receive(call, upload, turn)
        self._quotas.check(call.name, upload.size)
        await self._library.complete(upload, turn, digest)
        return _created(call.name, digest)

    async def status(self, call: Call) -> Answer:
        """GET: tell how far the upload has come."""
        return _state(204, self._find(call))

    async def cancel(self, call: Call) -> Answer:
        """DELETE: drop the upload."""
        upload = self._find(call)
        await self._library.in_thread(self._library.uploads.cancel, upload)
        return Response(204)

    def _find(self, call: Call) -> Upload:
        return self._library.uploads.get(call.name, call.route.reference)

    def _check_place(self, call: Call, upload: Upload) -> None:
        """The chunk must begin where the upload ends, and be as long as it says."""
        span = ranges.chunk(call.header("content-range"))
        if span is None:
            return
        if span.start != upload.size:
            raise RegistryError(
                "BLOB_UPLOAD_INVALID",
                f"the chunk begins at byte {span.start}, the upload is at byte {upload.size}",
                status=416,
                headers=_place(upload),
            )
        length = call.request.body.length
        if length is not None and length != span.length:
            raise RegistryError(
                "SIZE_INVALID",
                f"Content-Range tells of {span.length} bytes, Content-Length of {length}",
            )

    async def _receive(self, call: Call, upload: Upload, turn: object) -> None:
        """Append the request's body."""
        room = self._quotas.left(call.name)
        await self._library.in_thread(self._library.uploads.note_use, upload)
        intake = Intake(self._library, upload, turn)
        try:
            async for piece in pieces(call.request.body):
                if room is not None and upload.size + len(piece) > room:
                    raise refusal(call.name)
                await intake.take(piece)
            await intake.end()
        except BadBody as error:
            await intake.end()
            raise RegistryError(
                "BLOB_UPLOAD_INVALID", f"the body broke off or is no HTTP: {error}"
            ) from None


def _place(upload: Upload) -> dict[str, str]:
    """Where the upload is, and how far."""
    return {
        "Location": f"/v2/{upload.name}/blobs/uploads/{quote(upload.id)}",
        "Range": f"0-{upload.size - 1}" if upload.size else _EMPTY_RANGE,
        "Docker-Upload-UUID": upload.id,
    }


def _state(status: int, upload: Upload) -> Response:
    return Response(status, _place(upload))


def _created(name: str, digest: str) -> Response:
    headers = {"Location": f"/v2/{name}/blobs/{digest}", "Docker-Content-Digest": digest}
    return Response(201, headers)
