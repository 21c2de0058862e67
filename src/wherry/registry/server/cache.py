"""A pull-through cache: what was pulled once is served from here.

A tag is asked for upstream again after a while (`fresh`), by HEAD; what a digest names never
changes, so manifests and blobs are asked for once. When the upstream does not answer, what is here
is served as it was. Requests for the same thing at the same time share one fetch.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from wherry.errors import Denied, Invalid, NotFound, WherryError
from wherry.registry.server.content import Blob, StoredManifest, StreamBlob
from wherry.registry.server.errors import RegistryError
from wherry.registry.server.filling import Filling, failure
from wherry.registry.server.library import Library
from wherry.registry.server.paging import Page
from wherry.registry.server.reading import blob_unknown, manifest_unknown
from wherry.registry.server.upstream import Upstream
from wherry.spec import image
from wherry.spec.image import Descriptor

_log = logging.getLogger(__name__)


class Cache:
    """Contents of a library, filled from an upstream registry as they are asked for."""

    def __init__(
        self, library: Library, upstream: Upstream, fresh: float, counters: Counter[str]
    ) -> None:
        self._library = library
        self._upstream = upstream
        self._fresh = fresh
        self._counters = counters
        self._asked: dict[tuple[str, str], float] = {}
        self._manifests: dict[tuple[str, str], asyncio.Task[StoredManifest]] = {}
        self._fillings: dict[tuple[str, str], Filling] = {}

    async def manifest(self, name: str, reference: str) -> StoredManifest:
        """See Contents."""
        kept = self._kept(name, reference)
        if kept is not None and (":" in reference or self._is_fresh(name, reference)):
            self._counters["cache_hits"] += 1
            return kept
        self._counters["cache_misses"] += 1
        try:
            return await self._shared(name, reference)
        except (NotFound, Denied):
            raise manifest_unknown(name, reference) from None
        except (WherryError, OSError) as error:
            if kept is None:
                raise failure(error, f"{name}:{reference}") from None
            self._counters["cache_stale"] += 1
            _log.warning("serving %s:%s as it was: %s", name, reference, error)
            return kept

    def _kept(self, name: str, reference: str) -> StoredManifest | None:
        with contextlib.suppress(RegistryError):
            return self._library.reading.manifest(name, reference)
        return None

    def _is_fresh(self, name: str, tag: str) -> bool:
        return time.monotonic() - self._asked.get((name, tag), float("-inf")) < self._fresh

    async def _shared(self, name: str, reference: str) -> StoredManifest:
        """Ask upstream, once for all that want the same."""
        key = (name, reference)
        task = self._manifests.get(key)
        if task is None:
            task = asyncio.create_task(self._ask(name, reference))
            self._manifests[key] = task
            task.add_done_callback(lambda done: _settle(self._manifests, key, done))
        return await asyncio.shield(task)

    async def _ask(self, name: str, reference: str) -> StoredManifest:
        """A manifest from upstream; only its HEAD where nothing has changed."""
        tags = [] if ":" in reference else [reference]
        digest = reference
        if tags:
            told = await self._library.in_thread(self._upstream.describe, name, reference)
            digest = told.digest
        found = self._kept(name, digest)
        if found is None:
            fetched = await self._library.in_thread(self._upstream.manifest, name, digest)
            found = StoredManifest(digest, fetched.descriptor.media_type, fetched.data)
        await self._library.keep_manifest(name, found, tags)
        if tags:
            self._asked[name, reference] = time.monotonic()
        return found

    async def blob(self, name: str, digest: str) -> Blob:
        """See Contents. Only blobs that a manifest from here names are fetched."""
        with contextlib.suppress(RegistryError):
            blob = await self._library.blob(name, digest)
            self._counters["cache_hits"] += 1
            return blob
        descriptor = self._descriptor(name, digest)
        key = (name, digest)
        filling = self._fillings.get(key)
        if filling is None:
            self._counters["cache_misses"] += 1
            filling = Filling(self._library, self._upstream, name, descriptor)
            self._fillings[key] = filling
            filling.task.add_done_callback(lambda done: _settle(self._fillings, key, done))
        try:
            await filling.begun()
        except (WherryError, OSError) as error:
            raise failure(error, f"blob {digest} of {name}") from None
        return StreamBlob(descriptor.size, filling.read)

    async def blob_size(self, name: str, digest: str) -> int:
        """See Contents."""
        with contextlib.suppress(RegistryError):
            return await self._library.blob_size(name, digest)
        return self._descriptor(name, digest).size

    def _descriptor(self, name: str, digest: str) -> Descriptor:
        """How a manifest that was pulled through here describes a blob."""
        for data in self._library.reading.naming(name, digest):
            with contextlib.suppress(Invalid):
                manifest = image.parse_manifest(data)
                for each in (manifest.config, *manifest.layers):
                    if each.digest == digest:
                        return each
        raise blob_unknown(name, digest)

    async def tags(self, name: str, page: Page) -> Sequence[str]:
        """See Contents; the upstream's, or those that are here when it does not answer."""
        found = await self._list(lambda: sorted(self._upstream.tags(name)))
        if found is None:
            return await self._library.tags(name, page)
        return [each for each in found if each > page.last][: page.count + 1]

    async def referrers(self, name: str, digest: str) -> Sequence[dict[str, Any]]:
        """See Contents; the upstream's, or those that are here when it does not answer."""
        found = await self._list(lambda: self._upstream.referrers(name, digest))
        return await self._library.referrers(name, digest) if found is None else found

    async def _list(self, ask: Callable[[], Any]) -> Any:
        """What upstream lists, None when it does not answer."""
        try:
            return await self._library.in_thread(ask)
        except (WherryError, OSError) as error:
            _log.warning("the upstream registry does not answer: %s", error)
            return None

    async def repositories(self, page: Page) -> Sequence[str]:
        """See Contents: those of which something is here."""
        return await self._library.repositories(page)


def _settle(running: dict[Any, Any], key: object, done: asyncio.Future[Any]) -> None:
    """A shared fetch is over; its failure was told to those who waited."""
    running.pop(key, None)
    if not done.cancelled():
        done.exception()
