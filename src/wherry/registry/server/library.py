"""The registry's own contents: a directory with a database, files of blobs, and uploads.

ROOT/registry.db         repositories, tags, manifests, what belongs to what
ROOT/blobs/ALGORITHM/    bytes of blobs
ROOT/uploads/            blobs on their way in
"""

from __future__ import annotations

import asyncio
import functools
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from wherry.registry.server import documents, schema
from wherry.registry.server.blobs import BlobFiles
from wherry.registry.server.content import FileBlob, StoredManifest
from wherry.registry.server.documents import Document
from wherry.registry.server.errors import RegistryError
from wherry.registry.server.paging import Page
from wherry.registry.server.reading import Reading, blob_unknown
from wherry.registry.server.uploads import Upload, Uploads
from wherry.registry.server.writing import Writing
from wherry.spec import digest as digests
from wherry.storage.database import Database

THREADS: Final = 16
"""Uploads and changes that wait for the disk at the same time."""
_T = TypeVar("_T")


class Library:
    """A registry's directory. Implements `content.Contents`, and everything that changes it."""

    def __init__(self, root: str, *, sparse: bool = False, note_after: float = 60.0) -> None:
        """`note_after` seconds the use of a blob is not noted again."""
        os.makedirs(root, mode=0o700, exist_ok=True)
        self.database = Database(os.path.join(root, "registry.db"))
        self.database.migrate(schema.COMPONENT, schema.STEPS)
        self.files = BlobFiles(os.path.join(root, "blobs"))
        self.uploads = Uploads(os.path.join(root, "uploads"), self.database)
        self.reading = Reading(self.database)
        self._writing = Writing(self.database, sparse=sparse)
        self._note_after = note_after
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="registry")

    def close(self) -> None:
        """End what is under way and close the database."""
        self._threads.shutdown()
        self.database.close()

    async def in_thread(self, function: Callable[..., _T], *arguments: object) -> _T:
        """Run what waits for the disk without stopping the loop."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, function, *arguments)

    # What can be pulled.

    async def manifest(self, name: str, reference: str) -> StoredManifest:
        """See Contents."""
        return self.reading.manifest(name, reference)

    async def blob(self, name: str, digest: str) -> FileBlob:
        """See Contents."""
        size = self.reading.blob_size(name, digest)
        try:
            return FileBlob(self.files.open(digest), size)
        except FileNotFoundError:
            raise blob_unknown(name, digest) from None

    async def blob_size(self, name: str, digest: str) -> int:
        """See Contents. Who asks may push a manifest that names it, so the use is noted."""
        size = self.reading.blob_size(name, digest)
        if time.time() - self.reading.last_use(name, digest) > self._note_after:
            await self.note_use(name, digest)
        return size

    async def tags(self, name: str, page: Page) -> Sequence[str]:
        """See Contents."""
        return self.reading.tags(name, page)

    async def referrers(self, name: str, digest: str) -> Sequence[dict[str, Any]]:
        """See Contents."""
        return self.reading.referrers(name, digest)

    async def repositories(self, page: Page) -> Sequence[str]:
        """See Contents."""
        return self.reading.repositories(page)

    # What changes it. All raise RegistryError and OSError.

    async def complete(self, upload: Upload, turn: object, digest: str) -> None:
        """An upload whose bytes have all arrived becomes a blob of its repository.

        Raises RegistryError: DIGEST_INVALID; the upload is dropped then.
        """
        await self.in_thread(self._complete, upload, turn, digest)

    def _complete(self, upload: Upload, turn: object, digest: str) -> None:
        found = upload.seal(turn, digests.algorithm(digest))
        if found == digest:
            self._adopt(upload, digest)
        else:
            upload.unseal()
            self.uploads.cancel(upload)
            raise RegistryError(
                "DIGEST_INVALID",
                f"the {upload.size} bytes that were sent have the digest {found}, not {digest}",
                detail={"expected": digest, "found": found},
            )

    def _adopt(self, upload: Upload, digest: str) -> None:
        def record() -> None:
            self._writing.link(upload.name, digest, upload.size, upload.id)

        try:
            self.files.adopt(upload.path, digest, record)
        except BaseException:
            upload.unseal()
            raise
        self.uploads.forget(upload)

    async def mount(self, name: str, digest: str) -> bool:
        """A blob that some repository has becomes visible in another; False if none has it."""
        return await self.in_thread(self._writing.mount, name, digest)

    async def note_use(self, name: str, digest: str) -> None:
        """Keep a blob from collection for another while."""
        await self.in_thread(self._writing.note_use, name, digest)

    async def put_manifest(
        self, name: str, digest: str, data: bytes, document: Document, tags: Sequence[str]
    ) -> None:
        """Store a manifest and its tags."""
        await self.in_thread(self._writing.put_manifest, name, digest, data, document, tags)

    async def keep_manifest(self, name: str, found: StoredManifest, tags: Sequence[str]) -> None:
        """Store what an upstream registry has; what it names may come later."""
        document = documents.read(found.data, found.media_type)
        put = functools.partial(self._writing.put_manifest, whole=False)
        await self.in_thread(put, name, found.digest, found.data, document, tags)

    async def delete_tag(self, name: str, tag: str) -> None:
        """Take a tag away."""
        await self.in_thread(self._writing.delete_tag, name, tag)

    async def delete_manifest(self, name: str, digest: str) -> None:
        """Take a manifest and its tags away."""
        await self.in_thread(self._writing.delete_manifest, name, digest)

    async def delete_blob(self, name: str, digest: str) -> None:
        """Take a blob out of a repository; its bytes go with the collection of garbage."""
        await self.in_thread(self._writing.unlink, name, digest)
